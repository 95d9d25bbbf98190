"""Which estimators declare that they are biased."""

import sys
from functools import cache
from typing import Final

import pandas as pd

from bench.errors import UsageError
from bench.names.described import described
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from bench.results.frames import records

_DAGGER: Final = " †"
LEGEND: Final = "†: biased, as declared"
"""What the mark of an estimator that declares a bias means."""


@cache
def declared_biased(estimator: str, parameters: str = "") -> bool:
    """Return whether an estimator of ours declares a bias at these parameters, given as a table has them.

    What is not ours is not imported to read a table: of it nothing is declared. Nor of parameters that are no longer
    taken.
    """
    if not ESTIMATORS.is_ours(estimator):
        return False
    try:
        spec = parse_spec(f"{estimator}({parameters})" if parameters else estimator)
        if ESTIMATORS.unnamed(spec):
            return False
        # To ask what is remembered imports no PyTorch.
        is_usual = "torch" not in sys.modules and ESTIMATORS.brief(spec) == estimator
        return described(estimator).biased if is_usual else not ESTIMATORS.build(spec).unbiased
    except UsageError:
        return False


def declared_configurations(final: pd.DataFrame) -> list[str]:
    """Return the configurations of a `final` table whose estimators declare a bias."""
    return [
        row.configuration
        for row in records(final.drop_duplicates("configuration"))
        if declared_biased(row.estimator, row.estimator_parameters)
    ]


def marked(frame: pd.DataFrame, column: str) -> list[str]:
    """Return the names in a column, with a dagger behind those that are `biased`."""
    return [f"{name}{_DAGGER}" if biased else name for name, biased in zip(frame[column], frame["biased"], strict=True)]
