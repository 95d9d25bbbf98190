"""What a run says last of a grid of settings: which are best for each estimator."""

from collections.abc import Sequence
from dataclasses import replace

from bench.errors import UsageError
from bench.results.schema import Record
from bench.results.tables import tidy
from bench.results.tuned import tuned, varied


def best_settings(records: Sequence[Record]) -> list[str]:
    """Return the sentences about the best of the settings that were varied; none where none was.

    >>> best_settings([])
    []
    """
    if len({record.cell.configuration for record in records}) < 2:
        return []
    results = tidy([replace(record, gradients=[], training=[]) for record in records])
    axes = varied(results.final)
    if not axes:
        return []
    try:
        return tuned(results, axes).notes()
    except UsageError as error:
        return [str(error)]
