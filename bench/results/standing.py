"""How far the cells of a results folder are: what has a record, what is running, what was cut off, what never began."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from bench.errors import ResultsError
from bench.names.registry import ESTIMATORS, TASKS
from bench.results import stamped
from bench.results.codec import CorruptRecord, parse_cell
from bench.results.leftovers import LOCK
from bench.results.schema import Begun, Planned, RunInfo, Status
from bench.results.stamped import Stamp, stamp
from bench.results.store import (
    BEGUN,
    CELL_FOLDER,
    CHECKPOINT,
    RECORD,
    TRACEBACK,
    Store,
    below_results,
    ignored,
    is_running,
    read_begun,
    read_record,
)
from bench.settings import Cell

State = Status | Literal["running", "interrupted", "unreadable", "not begun"]


@dataclass(frozen=True)
class Standing:
    """How far one cell is.

    Attributes:
        folder: of the cell.
        state: how far it is.
        task: without parameters that are defaults.
        estimator: likewise.
        samples: K.
        seed: of its training.
        cell: all that it is, where that is known.
        run: the id of the invocation that ran it, or was to.
        reason: why it has no result, in a sentence; empty where it has one.
        log: a file that says more.
        started: when, ISO 8601.
        seconds: that it took.
        mended: whether running it again sets aside what cannot be read.
    """

    folder: Path
    state: State
    task: str
    estimator: str
    samples: int
    seed: int
    cell: Cell | None = None
    run: str | None = None
    reason: str = ""
    log: Path | None = None
    started: str | None = None
    seconds: float | None = None
    mended: bool = False


Known = dict[Path, tuple[Stamp, Standing]]
"""By a cell's folder its standing, and which file said so: whoever looks again need not read that."""


def standings(store: Store, below: Path | None = None, known: Known | None = None) -> Iterator[Standing]:
    """Give the standing of each cell of a results folder, or of a folder `below` in it.

    Cells that a run was to see to, and of which there is nothing, come last.

    Args:
        store: the folder.
        below: a part of it.
        known: of finished cells, from when it was looked before; what is found now is added.
    """
    planned = _planned(store)
    found = store.cell_folders(below)
    known = {} if known is None else known
    if sum(folder not in known for folder in found) >= stamped.LARGE:
        known.update(_finished(store, below, found))
    for folder in found:
        yield _standing_again(folder, planned, known)
    there = {below_results(folder) for folder in found}
    for name, (plan, run) in planned.items():
        folder = store.folder / name
        is_cell = name == below_results(folder) and CELL_FOLDER.fullmatch(folder.name) and folder.parent.name != ".."
        if name not in there and is_cell and (below is None or folder.is_relative_to(below)):
            yield _not_begun(folder, plan, run)


def _not_begun(folder: Path, plan: Planned, run: RunInfo) -> Standing:
    return Standing(folder, "not begun", plan.task, plan.estimator, *_numbers(folder), run=run.run)


def _planned(store: Store) -> dict[str, tuple[Planned, RunInfo]]:
    """Return by its folder below the results each cell of a run on record, with the last run of it."""
    return {plan.folder: (plan, run) for run in store.runs(ignored) for plan in run.cells}


def _numbers(folder: Path) -> tuple[int, int]:
    name = CELL_FOLDER.fullmatch(folder.name)
    assert name is not None
    return int(name["samples"]), int(name["seed"])


def _finished(store: Store, below: Path | None, folders: Sequence[Path]) -> Known:
    """Return the standings of the cells with a record, which the cache of a large folder has."""
    # Of a small folder, nobody waits for pandas and Arrow.
    import pyarrow as pa

    from bench.results import reading
    from bench.results.parts import IDENTITY

    # Before they are read: what is put in the place of one meanwhile is looked at again.
    written = {folder: stamp(folder / RECORD) for folder in folders}
    read = reading.found(store, below, ignored, only=())
    reading.keep_if_possible(store, read)
    cells = read.part.cells.select([IDENTITY, "status", "run", "reason", "started", "seconds"])
    rows = cells.take(pa.array(read.rows.values(), pa.int64())).to_pylist()
    briefly: dict[str, tuple[str, str]] = {}
    found: Known = {}
    for folder, row in zip(read.rows, rows, strict=True):
        if (file := written[folder]) is None:
            continue
        cell = parse_cell(row.pop(IDENTITY))
        specs = f"{cell.task_spec} {cell.estimator_spec}"
        names = briefly[specs] if specs in briefly else briefly.setdefault(specs, _names(folder, cell))
        found[folder] = file, _ended(folder, cell, names, **row)
    return found


def _ended(
    folder: Path,
    cell: Cell,
    names: tuple[str, str],
    status: Status,
    run: str,
    reason: str | None,
    started: str,
    seconds: float,
) -> Standing:
    """Return the standing of a cell that has a record."""
    log = folder / TRACEBACK
    return Standing(
        folder,
        status,
        *names,
        *_numbers(folder),
        cell=cell,
        run=run,
        reason=reason or "",
        log=log if status == "failed" and log.exists() else None,
        started=started,
        seconds=seconds,
    )


def _standing_again(folder: Path, planned: dict[str, tuple[Planned, RunInfo]], known: Known) -> Standing:
    """Return the standing of a cell, without reading a record that is the one of before."""
    written = stamp(folder / RECORD)
    if written is None:
        return _standing(folder, planned)
    before = known.get(folder)
    # A finished cell that is run again has a note, which is there for as long as that takes.
    if before is not None and before[0] == written and not (folder / BEGUN).exists():
        return before[1]
    found = _standing(folder, planned)
    if found.state in get_args(Status):
        known[folder] = written, found
    return found


def _standing(folder: Path, planned: dict[str, tuple[Planned, RunInfo]]) -> Standing:
    try:
        record = read_record(folder / RECORD)
    except ResultsError as error:
        plan, run = planned.get(below_results(folder), (None, None))
        name = CELL_FOLDER.fullmatch(folder.name)
        assert name is not None
        task, estimator = (plan.task, plan.estimator) if plan else (folder.parent.name, name["estimator"])
        return Standing(
            folder,
            "unreadable",
            task,
            estimator,
            *_numbers(folder),
            run=run and run.run,
            reason=str(error),
            mended=isinstance(error, CorruptRecord),
        )
    running = is_running(folder)
    if record is not None and not running:
        what = (record.status, record.run, record.reason, record.started, record.seconds)
        return _ended(folder, record.cell, _names(folder, record.cell), *what)
    if not running and below_results(folder) in planned and {path.name for path in folder.iterdir()} <= {LOCK}:
        # Whoever sends cells to other processes looks at each under its lock, whose file stays.
        return _not_begun(folder, *planned[below_results(folder)])
    begun = _begun(folder)
    cell = record.cell if record is not None else begun and begun.cell
    return Standing(
        folder,
        "running" if running else "interrupted",
        *_names(folder, cell),
        *_numbers(folder),
        cell=cell,
        run=begun and begun.run,
        reason="" if running else _checkpoint_age(folder),
    )


def _begun(folder: Path) -> Begun | None:
    try:
        return read_begun(folder)
    except ResultsError:
        return None  # it would only say more than the folder's name


def _names(folder: Path, cell: Cell | None) -> tuple[str, str]:
    """Return task and estimator as people write them, or as the names of folders have them."""
    if cell is not None:
        return TASKS.brief(cell.task_spec), ESTIMATORS.brief(cell.estimator_spec)
    name = CELL_FOLDER.fullmatch(folder.name)
    assert name is not None
    return folder.parent.name, name["estimator"]


def _checkpoint_age(folder: Path) -> str:
    try:
        written = (folder / CHECKPOINT).stat().st_mtime
    except FileNotFoundError:
        return "before its first checkpoint"
    return f"last checkpoint {datetime.fromtimestamp(written, UTC).isoformat(timespec='seconds')}"
