"""The tidy tables of a results folder, as pandas frames, Parquet and CSV."""

import shlex
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from filelock import FileLock

from bench.errors import ResultsError
from bench.escaping import as_csv
from bench.results import exported, look, splicing
from bench.results.atomic import placing
from bench.results.codec import dump, parse_cell
from bench.results.columns import DATAPOINTS, IDENTITY, RUNS, SETTINGS
from bench.results.datapoints import datapoints_frame
from bench.results.frames import where
from bench.results.leftovers import LOCK, TABLES, remove_temporaries
from bench.results.order import by_number, cell_order, place
from bench.results.parts import (
    ESTIMATOR,
    ROWS,
    TASK,
    Needed,
    Part,
    cells_frame,
    empty,
    joined,
    parts_of,
    rows_frame,
)
from bench.results.parts import IDENTITY as IDENTITY_TEXT
from bench.results.reading import Found, found, keep, keep_if_possible
from bench.results.schema import Record, RunInfo
from bench.results.store import Store, Unreadable, each_record, locate, raised
from bench.results.typed import frame, identity_values, settings_values
from bench.settings import Cell

Errors = Literal["raise", "skip"]
Later = Literal["gradients", "training", "datapoints"]
"""The tables that may be large."""
WRITTEN: Final = ("gradients", "training", "final", "runs")
"""The tables that a run writes. That of single datapoints may be a thousand times as long as that of its cells."""
_LINES: Final = 50_000
"""Rows that are made CSV at once."""


@dataclass(frozen=True)
class Results:
    """Tidy frames; `results/README.md` documents their columns.

    The frames of a large folder take much memory, so `load` makes `gradients`, `training` and `datapoints` when they
    are first asked for.

    Attributes:
        gradients: one row per cell × step × parameter group × metric.
        training: one row per cell × step.
        final: one row per cell, failed ones included.
        runs: one row per invocation.
        datapoints: one row per cell × test datapoint.
    """

    gradients: pd.DataFrame
    training: pd.DataFrame
    final: pd.DataFrame
    runs: pd.DataFrame
    datapoints: pd.DataFrame = field(default_factory=lambda: frame([], DATAPOINTS))

    def __repr__(self) -> str:
        """Return in one line what there is; the frames show themselves."""
        return look.text(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the tables that `bench table` prints."""
        return look.markup(self)

    @classmethod
    def later(cls, rows: Callable[[Later], pd.DataFrame], final: pd.DataFrame, runs: pd.DataFrame) -> Self:
        """Return tables of which those of `Later` are what `rows` returns, once, when they are asked for."""
        made = object.__new__(cls)
        vars(made).update(final=final, runs=runs, _rows=rows)
        return made

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> pd.DataFrame:
            if name not in get_args(Later) or "_rows" not in vars(self):
                raise AttributeError(f"results have no table '{name}'")
            return vars(self).setdefault(name, vars(self)["_rows"](name))

    def __reduce__(self) -> tuple[Any, ...]:
        return Results, (self.gradients, self.training, self.final, self.runs, self.datapoints)

    def of(self, final: pd.DataFrame) -> "Results":
        """Return the tables of some cells, given by their rows of `final`."""
        cells = list(final["cell"])

        def rows(name: Later) -> pd.DataFrame:
            whole: pd.DataFrame = getattr(self, name)
            return where(whole, whole["cell"].isin(cells))

        return Results.later(rows, final, self.runs)


Paths = Path | str | Iterable[Path | str]
Keep = Callable[[Store, Found], object]


def load(*paths: Paths, errors: Errors = "raise", warn: Callable[[str], object] = warnings.warn) -> Results:
    """Return the tables of results folders, or of single tasks or cells in them; without any, of `results/`.

    A cell counts once, however many copies of it there are; if copies differ, the one started last counts. Rows are in
    the order of task, estimator (as in `bench list`), K and seed; numbers are sorted as numbers.

    Args:
        paths: one by one, or as a list.
        errors: "skip" leaves out records that cannot be read. Unreadable notes of runs are always left out: no number
            depends on them.
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
    return load_some([*_each(paths)], tuple(ROWS), errors, warn)


def load_some(
    paths: Sequence[Path],
    only: Collection[str],
    errors: Errors,
    warn: Callable[[str], object],
    keeping: Keep = keep_if_possible,
    needed: Needed | None = None,
) -> Results:
    """Return the tables as `load`; `gradients` and `training` are empty where they are not among `only`.

    The files of datapoints are read when that table is asked for.

    Args:
        paths: of results folders, or of tasks or cells in them; `results/` without any.
        only: what is wanted of a large folder takes less time and memory.
        errors: as in `load`.
        warn: likewise.
        keeping: what is done about the cache of a large folder.
        needed: which rows of the gradients are wanted; all without.
    """

    def left_out(error: ResultsError) -> None:
        warn(f"left out: {error}")

    unreadable: Unreadable = raised if errors == "raise" else left_out
    parts: list[Part] = []
    places: list[tuple[Path, int]] = []
    stores: dict[Path, Store] = {}
    for path in paths or [Path("results")]:
        store, below = locate(path)
        read = found(store, below, unreadable, only)
        keeping(store, read)
        before = sum(part.cells.num_rows for part in parts)
        places += [(folder, before + row) for folder, row in read.rows.items()]
        parts.append(read.part)
        stores.setdefault(store.folder.resolve(), store)
    # Once for a folder, of however many of its parts were asked for.
    runs = {run.run: run for store in stores.values() for run in store.runs(left_out)}
    part = joined(parts)
    del parts
    order = _in_order(part, _counted_once(part, places, warn))

    folders = {row: folder for folder, row in places}

    def rows(name: Later) -> pd.DataFrame:
        if name == "datapoints":
            return datapoints_frame(part, order, folders, unreadable, warn)
        return rows_frame(part, order if name in only else order[:0], name, needed if name == "gradients" else None)

    return Results.later(rows, cells_frame(part, order), _runs_frame(runs.values()))


def _each(paths: Iterable[Paths]) -> Iterator[Path]:
    for path in paths:
        yield from [Path(path)] if isinstance(path, Path | str) else map(Path, path)


def _counted_once(part: Part, places: Sequence[tuple[Path, int]], warn: Callable[[str], object]) -> list[int]:
    """Return the row of each cell, of which there may be copies in several folders."""
    cells = part.cells["cell"].to_pylist()
    copies: dict[str, list[tuple[Path, int]]] = {}
    for folder, row in places:
        copies.setdefault(cells[row], []).append((folder, row))
    return [of_cell[0][1] if len(of_cell) == 1 else _one(of_cell, warn) for of_cell in copies.values()]


def _one(copies: Sequence[tuple[Path, int]], warn: Callable[[str], object]) -> int:
    """Return the row of the copy that is counted."""
    rows = {folder.resolve(): row for folder, row in copies}
    records = {folder: record for folder, record in each_record(rows) if len(rows) > 1}
    if len(records) < 2:
        return copies[0][1]
    last = max(records, key=lambda folder: records[folder].started)
    kept = dump(records[last])
    others = [str(folder) for folder, record in records.items() if dump(record) != kept]
    if others:
        warn(f"the same cell has other numbers in {' and '.join(others)} than in {last}, and only the latter counts")
    return rows[last]


def _in_order(part: Part, rows: Sequence[int]) -> np.ndarray:
    """Return rows in the order of `cell_order`."""
    cells = part.cells.select([TASK, "estimator", ESTIMATOR, "samples", "seed", IDENTITY_TEXT]).take(
        pa.array(rows, pa.int64())
    )
    # The last key is the first to sort by.
    keys = [
        cells["seed"].to_numpy(),
        cells["samples"].to_numpy(),
        *(_ranks(cells[name], key) for name, key in ((ESTIMATOR, by_number), ("estimator", place), (TASK, by_number))),
    ]
    order = np.lexsort(keys)
    is_same = np.all([np.diff(key[order]) == 0 for key in keys], axis=0)
    # Only what these do not tell apart is looked at more closely, which takes long.
    for first, last in _stretches(is_same):
        texts = cells[IDENTITY_TEXT].take(order[first:last]).to_pylist()
        finer = [cell_order(parse_cell(text)) for text in texts]
        order[first:last] = order[first:last][sorted(range(last - first), key=finer.__getitem__)]
    return np.array(rows, int)[order]


def _ranks(texts: pa.ChunkedArray, key: Callable[[str], Any]) -> np.ndarray:
    """Return for each text which place it has among all by a key; texts of equal keys share one."""
    encoded = texts.combine_chunks().dictionary_encode()
    keys = [key(text) for text in encoded.dictionary.to_pylist()]
    ranks = {one: rank for rank, one in enumerate(sorted(set(keys)))}
    return np.array([ranks[one] for one in keys], int)[encoded.indices.to_numpy()]


def _stretches(is_same: np.ndarray) -> list[tuple[int, int]]:
    """Return from where to where neighbours are the same, of which it is given whether each is as the one before."""
    edges = np.diff(np.concatenate([[False], is_same, [False]]).astype(int))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) + 1).tolist(), strict=True))


def settings_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row per cell: what it is, and every setting of its training and measurement."""
    return frame([{**identity_values(cell), **settings_values(cell)} for cell in cells], [*IDENTITY, *SETTINGS])


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

    Of a large folder, only what is new is written. Arguments are those of `load`.

    Raises:
        ResultsError: a record cannot be read (with `errors="skip"` it is left out), or a file cannot be written.
    """
    store = Store(folder)
    tables = store.folder / TABLES
    paths = [tables / f"{name}{suffix}" for name in WRITTEN for suffix in (".parquet", ".csv")]
    said: list[str] = []

    def heard(message: str) -> None:
        said.append(message)
        warn(message)

    try:
        tables.mkdir(parents=True, exist_ok=True)
        # The records are read under the lock: whoever writes last has seen everybody's.
        with FileLock(tables / LOCK):
            remove_temporaries(tables)
            before = exported.before(store)
            if before is not None and exported.is_exported(store, before, paths):
                return paths
            _write(load_some([store.folder], ROWS, errors, heard, keep), tables, before)
            # What was left out is to be said again.
            if before is not None and not said:
                exported.note(store, before, paths)
    except OSError as error:
        raise ResultsError(f"cannot write {tables}: {error.strerror or error}") from error
    return paths


def _write(results: Results, folder: Path, before: exported.Before | None) -> None:
    """Write all tables; of those of a large folder, what is new."""
    if before is None:
        for name in WRITTEN:
            write_frame(getattr(results, name), folder / name)
        return
    write_frame(results.runs, folder / "runs")
    cells, stamps, old = list(results.final["cell"]), exported.told_apart(before), splicing.known(folder)
    written = {}
    for name in ("gradients", "training", "final"):
        there = old.tables.get(name, splicing.Written([], []))
        written[name] = splicing.write(getattr(results, name), folder / name, cells, stamps, there)
    splicing.remember(folder, written)


def write_frame(frame: pd.DataFrame, prefix: Path) -> list[Path]:
    """Write a frame as `prefix`.parquet and `prefix`.csv, each put in its place whole, and return both paths."""
    written = [prefix.with_name(f"{prefix.name}{ending}") for ending in (".parquet", ".csv")]
    with placing(written[0]) as file:
        file.write(frame.to_parquet(index=False))
    with placing(written[1]) as file:
        # As one text, those of a large folder would fill the memory.
        for start in range(0, max(len(frame), 1), _LINES):
            file.write(as_csv(frame.iloc[start : start + _LINES], header=start == 0).encode())
    return written


def tidy(records: Sequence[Record], runs: Sequence[RunInfo] = ()) -> Results:
    """Return the tables of records and of notes about invocations."""
    part = joined([empty(), *parts_of(records)])
    order = np.arange(len(records))
    gradients, training = (rows_frame(part, order, name) for name in ROWS)
    return Results(gradients, training, cells_frame(part, order), _runs_frame(runs))


def _runs_frame(runs: Iterable[RunInfo]) -> pd.DataFrame:
    return frame([{**vars(run), "argv": shlex.join(run.argv)} for run in runs], RUNS)
