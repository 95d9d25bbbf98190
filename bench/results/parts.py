"""Records as columns: what the tidy tables are made of, in an order of one's own, and what a folder's cache has."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.fields import Column
from bench.results import columns, schema
from bench.results.metrics import METRICS
from bench.results.schema import Record, Written
from bench.results.typed import arrow, frame, from_arrow, identity_values, settings_values

Rows = Literal["gradients", "training"]

ROWS: Final[dict[Rows, tuple[Column, ...]]] = {
    "gradients": columns.GRADIENTS[len(columns.IDENTITY) :],
    "training": columns.TRAINING[len(columns.IDENTITY) :],
}
"""By table that has several rows of a cell, the columns that follow those of the cell."""

Needed = Callable[[pa.Table, np.ndarray], np.ndarray]
"""Which rows of the gradients are wanted, as a mask, given `step` and `metric` of each and the number of its cell."""

IDENTITY: Final = "_identity"
"""The column of `Part.cells` with the JSON of a cell, from which `codec` makes it again."""
TASK: Final = "_task"
"""The column with the task and all its parameters."""
ESTIMATOR: Final = "_estimator"
"""That with the estimator, likewise."""
TOLD: Final = "_datapoints"
"""That with what the record tells of its file of datapoints, length and digest; empty where there is none."""

_TOGETHER: Final = 256
"""Records that are in memory at once: as columns they take a fifth of the room."""


@dataclass(frozen=True)
class Part:
    """Some records as columns.

    Attributes:
        cells: a row per record, with the columns of `final`; then `IDENTITY`, `TASK`, `ESTIMATOR` and `TOLD`, and
            in `_gradients` and `_training` how many rows of it there are.
        rows: by table the rows of all records, in their order.
    """

    cells: pa.Table
    rows: dict[Rows, pa.Table]


def parts_of(records: Iterable[Record]) -> Iterator[Part]:
    """Give records as columns; no more than some hundred are asked for before."""
    records = iter(records)
    while some := list(islice(records, _TOGETHER)):
        yield part_of(some)


def part_of(records: Sequence[Record]) -> Part:
    """Return records as columns."""
    identity = frame([identity_values(record.cell) for record in records], columns.IDENTITY)
    final = frame([_final_values(record) for record in records], columns.FINAL[len(columns.IDENTITY) :])
    cells = pa.Table.from_pandas(pd.concat([identity, final], axis=1), preserve_index=False)
    more: dict[str, tuple[list[Any], str]] = {
        IDENTITY: ([json.dumps(record.cell.settings()) for record in records], "string"),
        TASK: ([str(record.cell.task_spec) for record in records], "string"),
        ESTIMATOR: ([str(record.cell.estimator_spec) for record in records], "string"),
        TOLD: ([_told(record.datapoints) for record in records], "string"),
        **{f"_{name}": ([len(getattr(record, name)) for record in records], "int64") for name in ROWS},
    }
    for name, (values, dtype) in more.items():
        cells = cells.append_column(name, arrow(values, dtype))
    return Part(
        cells.replace_schema_metadata(None),
        {
            "gradients": _table(ROWS["gradients"], [row for one in records for row in one.gradients], _gradient_values),
            "training": _table(ROWS["training"], [row for one in records for row in one.training], _attribute),
        },
    )


def joined(parts: Sequence[Part]) -> Part:
    """Return the records of all parts, one after the other."""
    rows: dict[Rows, pa.Table] = {name: _joined([part.rows[name] for part in parts]) for name in ROWS}
    return Part(_joined([part.cells for part in parts]), rows)


def chosen(part: Part, order: np.ndarray) -> Part:
    """Return some of a part's records, given by their numbers, in that order."""
    return Part(part.cells.take(order), {name: part.rows[name].take(_places(part, name, order)) for name in ROWS})


def cells_frame(part: Part, order: np.ndarray) -> pd.DataFrame:
    """Return `final` of some of a part's records, given by their numbers, in that order."""
    return _frame(part.cells.take(order), columns.FINAL)


def rows_frame(part: Part, order: np.ndarray, name: Rows, needed: Needed | None = None) -> pd.DataFrame:
    """Return `gradients` or `training` of some of a part's records, given by their numbers, in that order.

    They are taken out of the part as they become pandas'.

    Args:
        part: the records.
        order: their numbers.
        name: of the table.
        needed: which of the rows are wanted; all without.
    """
    cells, rows = part.cells.take(order), part.rows.pop(name)
    owners = np.repeat(np.arange(len(order)), _counts(part, name)[order])
    places = _places(part, name, order)
    if needed is not None:
        chosen = needed(rows.select(["step", "metric"]).take(pa.array(places)), owners)
        owners, places = owners[chosen], places[chosen]
    values = {one.name: taken(cells, one, owners) for one in columns.IDENTITY}
    for one in ROWS[name]:
        values[one.name] = taken(rows, one, places)
        rows = rows.drop_columns(one.name)
    return pd.DataFrame(values, copy=False)


def told_in(text: str) -> Written | None:
    """Return what a record tells of its file of datapoints, from the column `TOLD`."""
    size, _, digest = text.partition(" ")
    return Written(int(size), digest) if text else None


@cache
def empty() -> Part:
    """Return a part without records, always the same: whoever takes rows out of a part joins it with others first."""
    return part_of([])


def _told(file: Written | None) -> str:
    return "" if file is None else f"{file.bytes} {file.sha256}"


def _frame(table: pa.Table, of: Sequence[Column]) -> pd.DataFrame:
    return pd.DataFrame({one.name: from_arrow(table[one.name], one.dtype) for one in of}, copy=False)


def taken(table: pa.Table, column: Column, places: np.ndarray) -> pd.Series:
    """Return some of a column's values, given by their places."""
    values = table[column.name]
    if column.dtype == "string":
        # Numbers of texts are taken much sooner than texts.
        values = values.combine_chunks().dictionary_encode()
    return from_arrow(values.take(pa.array(places)), column.dtype)


def _counts(part: Part, name: Rows) -> np.ndarray:
    return part.cells[f"_{name}"].to_numpy()


def _places(part: Part, name: Rows, order: np.ndarray) -> np.ndarray:
    """Return where the rows of some records are among those of all."""
    counts = _counts(part, name)
    starts = (np.cumsum(counts) - counts)[order]
    wanted = counts[order]
    return np.repeat(starts - (np.cumsum(wanted) - wanted), wanted) + np.arange(wanted.sum())


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    # Arrow takes rows of one chunk in a tenth of the time that those of many take.
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _table(of: Sequence[Column], rows: Sequence[Any], values: Callable[[Sequence[Any], str], list[Any]]) -> pa.Table:
    return pa.table({one.name: arrow(values(rows, one.name), one.dtype) for one in of})


def _attribute(rows: Sequence[Any], name: str) -> list[Any]:
    return [getattr(row, name) for row in rows]


def _gradient_values(rows: Sequence[Any], name: str) -> list[Any]:
    if name == "unit":
        return [METRICS[row.metric].unit if row.metric in METRICS else "" for row in rows]
    return _attribute(rows, name)


def _final_values(record: Record) -> dict[str, Any]:
    return {
        **{field.name: None for field in fields(schema.Final)},
        **(vars(record.final) if record.final else {}),
        **vars(record),
        "notes": " · ".join(record.notes),
        **settings_values(record.cell),
    }
