"""What makes an experiment of a cell, and what it is called where several are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.names.spec import parse_spec
from bench.results.columns import EXPERIMENT, NAMED
from bench.results.naming import settings_apart
from bench.results.typed import parameters_text
from tasks.data.files import parameter_of

Row = dict[str, Any]

Where = tuple[int, str, str]
"""Step, parameter group and metric of a reading."""


@dataclass(frozen=True)
class MeasuredCell:
    """One cell: its row of the `final` table, its rows of the `gradients` table, and the hardware that it ran on."""

    row: Row
    gradients: dict[Where, Row]
    hardware: tuple[Any, ...] | None


@dataclass(frozen=True)
class Match:
    """One experiment in both sets of results, its cells by seed."""

    base: dict[int, MeasuredCell]
    new: dict[int, MeasuredCell]

    @property
    def row(self) -> Row:
        """A row of BASE, for what all its cells have in common."""
        return next(iter(self.base.values())).row

    @property
    def versions(self) -> tuple[str, str]:
        """The versions of the estimator in BASE and in NEW, in words."""
        sides = [sorted({cell.row["estimator_version"] for cell in side.values()}) for side in (self.base, self.new)]
        base, new = (", ".join(map(str, found)) for found in sides)
        return base, new


def identity(row: Row) -> Row:
    """Return what a cell's row of the `final` table has in common with the rest of its experiment."""
    # At the initial parameters, an estimator's own are those of all.
    common = {name: row[name] for name in EXPERIMENT} | ({} if row["training_steps"] else {"measurement_at": ""})
    own = parameter_of(row["dataset"])
    if own is None:
        return common
    # The same file may lie elsewhere.
    parameters = parse_spec(f"task({row['task_parameters']})").parameters
    elsewhere = {key: value for key, value in parameters.items() if key != own}
    return common | {"task_parameters": parameters_text(elsewhere)}


def experiment_names(rows: Sequence[Row]) -> list[str]:
    """Return a short name for each experiment, given a row of it; what would be ambiguous without them is shown."""
    each = [identity(row) for row in rows]
    frame = pd.DataFrame(each, columns=list(EXPERIMENT))
    settings = settings_apart(frame, *NAMED)
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
