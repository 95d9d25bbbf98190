"""The tidy tables of a results folder, as pandas frames, Parquet and CSV."""

import shlex
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd
from filelock import FileLock

from bench.errors import ResultsError, in_utf8
from bench.escaping import as_csv
from bench.fields import Column
from bench.names.spec import Value
from bench.results.atomic import placing
from bench.results.codec import dump
from bench.results.columns import FINAL, GRADIENTS, IDENTITY, PREFIXES, RUNS, SETTINGS, TRAINING
from bench.results.leftovers import LOCK, remove_temporaries
from bench.results.metrics import METRICS
from bench.results.order import cell_order
from bench.results.schema import Final, Record, RunInfo
from bench.results.store import Store, Unreadable, locate, raised
from bench.settings import Cell

Row = TypeVar("Row")
Errors = Literal["raise", "skip"]


@dataclass(frozen=True)
class Results:
    """Four tidy frames; `results/README.md` documents their columns.

    Attributes:
        gradients: one row per cell × step × parameter group × metric.
        training: one row per cell × step.
        final: one row per cell, failed ones included.
        runs: one row per invocation.
    """

    gradients: pd.DataFrame
    training: pd.DataFrame
    final: pd.DataFrame
    runs: pd.DataFrame


Paths = Path | str | Iterable[Path | str]


def load(*paths: Paths, errors: Errors = "raise", warn: Callable[[str], object] = warnings.warn) -> Results:
    """Return the tables of results folders, or of single tasks or cells in them; without any, of `results/`.

    A cell is counted once, however many copies of it there are: of copies that differ, the one that started last. Rows
    are in the order of task, estimator (as `bench list` has them), K and seed; numbers count as numbers.

    Args:
        paths: one by one, or as a list.
        errors: "skip" leaves out records that cannot be read. Notes of runs are left out in any case: no number is
            theirs.
        warn: is told, in one sentence each, of copies that differ and of what is left out.

    Raises:
        ResultsError: there is no such folder, or a record in it cannot be read.

    >>> import varbench
    >>> results = varbench.load("results")
    >>> sorted(set(results.gradients["estimator"]))
    ['reinforce', 'reparam']
    >>> len(varbench.load(["results", "results"]).final) == len(results.final)
    True
    """
    copies: dict[str, dict[Path, Record]] = {}
    stores: dict[Path, Store] = {}

    def left_out(error: ResultsError) -> None:
        warn(f"left out: {error}")

    unreadable: Unreadable = raised if errors == "raise" else left_out
    for path in [*_each(paths)] or [Path("results")]:
        store, below = locate(path)
        for folder, record in store.records_in(below, unreadable):
            copies.setdefault(record.cell.id, {})[folder.resolve()] = record
        stores.setdefault(store.folder.resolve(), store)
    # Once for a folder, of however many of its parts were asked for.
    runs = {run.run: run for store in stores.values() for run in store.runs(left_out)}
    found = [_one(of_cell, warn) for of_cell in copies.values()]
    return tidy(sorted(found, key=lambda record: cell_order(record.cell)), list(runs.values()))


def _each(paths: Iterable[Paths]) -> Iterator[Path]:
    for path in paths:
        yield from [Path(path)] if isinstance(path, Path | str) else map(Path, path)


def _one(copies: Mapping[Path, Record], warn: Callable[[str], object]) -> Record:
    """Return the record of a cell of which there may be copies."""
    last = max(copies, key=lambda folder: copies[folder].started)
    if len(copies) == 1:
        return copies[last]
    kept = dump(copies[last])
    others = [str(folder) for folder, record in copies.items() if dump(record) != kept]
    if others:
        warn(f"the same cell has other numbers in {' and '.join(others)} than in {last}, which alone is counted")
    return copies[last]


def settings_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row per cell: what it is, and every setting of its training and measurement."""
    return _frame([{**_identity(cell), **_settings(cell)} for cell in cells], [*IDENTITY, *SETTINGS])


def require_runs(paths: Iterable[Path]) -> None:
    """Read the notes of runs of results folders, for whoever cannot do without one of them.

    Raises:
        ResultsError: one cannot be read.
    """
    for path in paths:
        for _ in locate(path)[0].runs():
            pass


def export(folder: Path | str, errors: Errors = "raise", warn: Callable[[str], object] = warnings.warn) -> list[Path]:
    """Write `tables/*.parquet` and `tables/*.csv` of a results folder, made anew from its records; return where.

    Arguments are those of `load`.

    Raises:
        ResultsError: a record cannot be read (with `errors="skip"` it is left out), or a file cannot be written.
    """
    tables = Path(folder) / "tables"
    try:
        tables.mkdir(parents=True, exist_ok=True)
        # The records are read under the lock: whoever writes last has seen everybody's.
        with FileLock(tables / LOCK):
            remove_temporaries(tables)
            return _write(load(folder, errors=errors, warn=warn), tables)
    except OSError as error:
        raise ResultsError(f"cannot write {tables}: {error.strerror or error}") from error


def parameters_text(parameters: Mapping[str, Value]) -> str:
    """Return `name=value, ...` in the order of the names."""
    return ", ".join(f"{key}={parameters[key]}" for key in sorted(parameters))


def _write(results: Results, folder: Path) -> list[Path]:
    written = []
    for table in fields(results):
        frame: pd.DataFrame = getattr(results, table.name)
        for suffix, data in ((".parquet", frame.to_parquet(index=False)), (".csv", as_csv(frame).encode())):
            written.append(folder / f"{table.name}{suffix}")
            with placing(written[-1]) as file:
                file.write(data)
    return written


def tidy(records: Sequence[Record], runs: Sequence[RunInfo] = ()) -> Results:
    """Return the tables of records and of notes about invocations."""
    identity = _frame([_identity(record.cell) for record in records], IDENTITY)
    final = _frame([_final(record) for record in records], FINAL[len(IDENTITY) :])
    return Results(
        gradients=_per_step(records, identity, lambda record: record.gradients, GRADIENTS, _gradient_values),
        training=_per_step(records, identity, lambda record: record.training, TRAINING, _attribute),
        final=pd.concat([identity, final], axis=1),
        runs=_frame([{**vars(run), "argv": shlex.join(run.argv)} for run in runs], RUNS),
    )


def _per_step(
    records: Sequence[Record],
    identity: pd.DataFrame,
    rows_of: Callable[[Record], Sequence[Row]],
    columns: Sequence[Column],
    values: Callable[[Sequence[Row], str], Iterable[Any]],
) -> pd.DataFrame:
    """Return one row per row of each record, its cell's identity in front."""
    owners = [index for index, record in enumerate(records) for _ in rows_of(record)]
    rows = [row for record in records for row in rows_of(record)]
    return pd.concat(
        [
            identity.take(owners).reset_index(drop=True),
            _typed({column.name: values(rows, column.name) for column in columns[len(IDENTITY) :]}, columns),
        ],
        axis=1,
    )


def _attribute(rows: Sequence[Any], name: str) -> list[Any]:
    return [getattr(row, name) for row in rows]


def _gradient_values(rows: Sequence[Any], name: str) -> list[Any]:
    if name == "unit":
        return [METRICS[row.metric].unit if row.metric in METRICS else "" for row in rows]
    return _attribute(rows, name)


def _identity(cell: Cell) -> dict[str, Any]:
    return {
        **vars(cell),
        "cell": cell.id,
        "configuration": cell.configuration,
        "task_parameters": parameters_text(cell.task_parameters),
        "estimator_parameters": parameters_text(cell.estimator_parameters),
    }


def _final(record: Record) -> dict[str, Any]:
    return {
        **{field.name: None for field in fields(Final)},
        **(vars(record.final) if record.final else {}),
        **vars(record),
        "notes": " · ".join(record.notes),
        **_settings(record.cell),
    }


def _settings(cell: Cell) -> dict[str, Any]:
    return {
        f"{PREFIXES[type(settings)]}{name}": value
        for settings in (cell.training, cell.measurement)
        for name, value in vars(settings).items()
    }


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    return _typed({column.name: [row[column.name] for row in rows] for column in columns}, columns)


def _typed(values: Mapping[str, Iterable[Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return a frame of these columns, with the documented types even when it is empty."""
    types = {column.name: column.dtype for column in columns}
    return pd.DataFrame({name: _series(list(column), types[name]) for name, column in values.items()})


def _series(values: list[Any], dtype: str) -> pd.Series:
    try:
        return pd.Series(values, dtype=dtype)
    except UnicodeEncodeError:
        # A stray byte in the name of a file, which no column of text takes.
        return pd.Series([in_utf8(value) if isinstance(value, str) else value for value in values], dtype=dtype)
