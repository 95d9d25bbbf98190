"""All results as one long table: a row per value, with everything about the cell that it is of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bench.fields import Column
from bench.results.columns import FINAL, GRADIENTS, IDENTITY, RUNS, SETTINGS, TRAINING
from bench.results.frames import series, where
from bench.results.tables import Results, write_frame
from bench.statistics.quantiles import NORMAL

_OF_THE_CELL: Final = ("status", "reason", "run", "started", "notes", "task_source", "estimator_source")
_OF_THE_RUN: Final = ("varbench", "python", "torch", "numpy", "system", "cpu", "gpu")
_RUN: Final = "run_"
"""What the names of columns about the run that made a cell begin with."""

_VALUE: Final = ("step", "group", "metric", "value", "se", "ci_low", "ci_high", "n", "unit", "square")
_WHAT: Final = ("reference", "target")
_WHERE: Final = ("updated", "objective_of")
_NOT_VALUES: Final = ("step", "steps", "unit")


def _named(columns: tuple[Column, ...], *names: str) -> list[Column]:
    known = {column.name: column for column in columns}
    return [known[name] for name in names]


def _missing(columns: list[Column]) -> list[Column]:
    """Return columns that other tables do not have, whose whole numbers may therefore be missing."""
    return [column._replace(dtype="Int64" if column.dtype == "int64" else column.dtype) for column in columns]


VALUES: Final[tuple[Column, ...]] = (
    *IDENTITY,
    Column("table", "string", "", "`gradients`, `training` or `final`: the table that has the value"),
    *_missing(_named(GRADIENTS, *_VALUE, *_WHAT)),
    *_named(TRAINING, *_WHERE),
    *_named(FINAL, *_OF_THE_CELL),
    *SETTINGS,
    *(column._replace(name=f"{_RUN}{column.name}") for column in _named(RUNS, *_OF_THE_RUN)),
)

_OF_A_VALUE: Final = ("cell", "table", *_VALUE, *_WHAT, *_WHERE)


def long_table(results: Results) -> pd.DataFrame:
    """Return every value of the tables `gradients`, `training` and `final` as a row, cell after cell.

    The numbers of a row of `training` or `final` are the values, and the names of their columns the metrics. What a
    cell does not have, as a test ELBO, has no row. Each cell has at least one, the seconds that it took.

    >>> import varbench
    >>> from bench.results.values import long_table
    >>> values = long_table(varbench.load("results"))
    >>> sorted(set(values["table"]))
    ['final', 'gradients', 'training']
    """
    parts = [part.assign(table=name) for name, of_table in _tables(results) for part in of_table]
    columns = {column.name: column.dtype for column in VALUES}
    typed = [part.reindex(columns=_OF_A_VALUE).astype({name: columns[name] for name in _OF_A_VALUE}) for part in parts]
    values = pd.concat(typed, ignore_index=True)
    place = {cell: place for place, cell in enumerate(results.final["cell"])}
    values = values.iloc[np.argsort([place[cell] for cell in values["cell"]], kind="stable")]
    machines = results.runs.filter(["run", *_OF_THE_RUN])
    machines = machines.rename(columns={name: f"{_RUN}{name}" for name in _OF_THE_RUN})
    of_cells = results.final[[column.name for column in (*IDENTITY, *_named(FINAL, *_OF_THE_CELL), *SETTINGS)]]
    whole = values.merge(of_cells, on="cell", how="left").merge(machines, on="run", how="left")
    return whole[list(columns)].astype(columns)


def write_values(results: Results, prefix: Path) -> list[Path]:
    """Write the long table as `PREFIX.parquet` and `PREFIX.csv`, and return where.

    Raises:
        ResultsError: the folder does not take them.
    """
    return write_frame(long_table(results), prefix)


def _tables(results: Results) -> Iterator[tuple[str, list[pd.DataFrame]]]:
    yield "gradients", [results.gradients]
    steps = results.training
    yield "training", [_column(steps, column, series(steps, "step")) for column in _numbers(TRAINING)]
    final = results.final
    ends = [_column(final, column, series(final, "steps")) for column in _numbers(FINAL)]
    yield "final", [where(end, end["value"].notna()) for end in ends]


def _numbers(columns: tuple[Column, ...]) -> list[Column]:
    """Return the columns of a table that hold values: its numbers, except for those that are settings or errors."""
    others = {column.name for column in (*IDENTITY, *SETTINGS)} | set(_NOT_VALUES)
    numbers = [column for column in columns if column.dtype in ("float64", "int64", "Int64")]
    return [column for column in numbers if column.name not in others and not column.name.endswith("_se")]


def _column(rows: pd.DataFrame, column: Column, steps: pd.Series) -> pd.DataFrame:
    """Return the values of a column, one per row, with the interval that their standard errors make."""
    value = series(rows, column.name).astype("float64")
    error = f"{column.name}_se"
    se = series(rows, error) if error in rows else pd.Series(float("nan"), index=rows.index)
    unit = series(rows, "unit") if column.unit == "`unit`" else column.unit
    there = [name for name in _WHERE if name in rows]
    return rows[["cell", *there]].assign(
        step=steps,
        group="",
        metric=column.name,
        value=value,
        se=se,
        ci_low=value - NORMAL * se,
        ci_high=value + NORMAL * se,
        unit=unit,
        reference="",
        target="",
    )
