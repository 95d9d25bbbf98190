"""What makes an experiment of a cell, and what it is called where several are compared."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from bench.results.naming import settings_apart

Row = dict[str, Any]

KEY: Final = (
    "task",
    "task_parameters",
    "estimator",
    "estimator_parameters",
    "samples",
    "dataset",
    "dtype",
    "device",
    "training_steps",
    "training_batch_size",
    "training_optimizer",
    "training_model_lr",
    "training_guide_lr",
    "training_schedule",
    "training_model_schedule",
    "training_learning",
    "measurement_at",
)
"""What cells of one experiment have in common. Left out: seed, versions, and how precisely was measured."""


def identity(row: Row) -> Row:
    """Return what a cell's row of the `final` table has in common with the rest of its experiment."""
    # At the initial parameters, an estimator's own are those of all.
    return {name: row[name] for name in KEY} | ({} if row["training_steps"] else {"measurement_at": ""})


def experiment_names(rows: Sequence[Row]) -> list[str]:
    """Return a short name for each experiment, given a row of it; what would be ambiguous without them is shown."""
    each = [identity(row) for row in rows]
    frame = pd.DataFrame(each, columns=list(KEY))
    settings = settings_apart(frame, "task", "task_parameters", "estimator", "estimator_parameters", "samples")
    parameters: dict[str, set[str]] = {}
    for row in each:
        for kind in ("task", "estimator"):
            parameters.setdefault(row[kind], set()).add(row[f"{kind}_parameters"])

    def spec(row: Row, kind: str) -> str:
        several = len(parameters[row[kind]]) > 1
        return f"{row[kind]}({row[f'{kind}_parameters']})" if several else row[kind]

    def name(row: Row, settings: Sequence[str]) -> str:
        return " ".join([f"{spec(row, 'task')} · {spec(row, 'estimator')} · K={row['samples']}", *settings])

    return [name(row, settings[place]) for place, row in enumerate(each)]
