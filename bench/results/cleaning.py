"""What is left over in a results folder: files that nothing reads any more and nobody is writing.

Records, parameters, datapoints, checks, figures, tables and what was set aside are never among them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

from filelock import FileLock, Timeout

from bench.errors import ResultsError
from bench.results.atomic import TEMPORARY, halves, is_abandoned, remove_halves
from bench.results.leftovers import FIGURES, LOCK, RUNS, TABLES, trajectories, trajectory_lock
from bench.results.schema import Record, RunInfo, Status
from bench.results.store import (
    BEGUN,
    CELL_FOLDER,
    CHECKPOINT,
    GOES_ON,
    RECORD,
    TRACEBACK,
    Store,
    below_results,
    is_running,
    read_begun,
    read_record,
    read_run,
)

Kind = Literal[
    "checkpoint", "trajectory", "note of a run", "note of a cell begun", "traceback", "half-written file", "lock"
]

_OF_A_CELL: Final[dict[str, Kind]] = {
    CHECKPOINT: "checkpoint",
    BEGUN: "note of a cell begun",
    TRACEBACK: "traceback",
}


@dataclass(frozen=True)
class Orphan:
    """A file that nothing reads any more.

    Attributes:
        path: where it is.
        kind: what it is.
        lock: the file whose lock keeps others from it.
        bytes: how long it is.
    """

    path: Path
    kind: Kind
    lock: Path
    bytes: int


def orphans(store: Store, below: Path | None = None) -> list[Orphan]:
    """Return what is left over in a results folder, or in a folder `below` it, except in cells that are being run.

    - A checkpoint whose cell is done or has diverged since; a newer one is that of a cell that is run again.
    - A reference trajectory of a task all of whose cells have ended: those with a record, and those that a run was to
      see to; failed and limited ones, which may be run again, have not.
    - The note of a run that no record and no cell begun refers to, and all of whose cells have ended.
    - Notes of cells begun and tracebacks of cells that have a record of another end.
    - Half-written files of processes that are gone, and locks that nobody holds.

    Where a record cannot be read, nothing that it may refer to is left over.
    """
    known = _Known(store)
    found = [orphan for cell in known.cells if _is_in(cell.folder, below) for orphan in cell.orphans()]
    for folder in dict.fromkeys(cell.folder.parent for cell in known.cells):
        if _is_in(folder, below):
            found += _of_task(folder, known)
    if below is None:
        found += _of_store(store, known)
    return sorted(found, key=lambda orphan: orphan.path)


def remove(store: Store, found: Sequence[Orphan], below: Path | None = None) -> list[Orphan]:
    """Remove what was found left over, as far as it still is, and return what was removed.

    Raises:
        ResultsError: the folder does not let go of a file.
    """
    still = {orphan.path for orphan in orphans(store, below)}
    removed = []
    for lock in dict.fromkeys(orphan.lock for orphan in found):
        behind = [orphan for orphan in found if orphan.lock == lock and orphan.path in still]
        try:
            with FileLock(lock, timeout=0):
                if CELL_FOLDER.fullmatch(lock.parent.name):
                    # Since it was looked at, the cell may have been run.
                    now = {orphan.path for orphan in _cell(lock.parent, is_running=False).orphans()}
                    behind = [orphan for orphan in behind if orphan.path in now]
                for orphan in behind:
                    _unlink(orphan)
                # Whoever waits for it looks whether it is still there. On Windows none that is held can be removed.
                with suppress(PermissionError):
                    lock.unlink(missing_ok=True)
        except Timeout:
            continue
        except OSError as error:
            raise ResultsError(f"cannot remove files from {lock.parent}: {error.strerror or error}") from error
        removed += behind
    return removed


def _unlink(orphan: Orphan) -> None:
    if orphan.path == orphan.lock:
        return
    if orphan.kind == "half-written file":
        remove_halves([orphan.path])
    else:
        orphan.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Cell:
    """How far a cell is.

    Attributes:
        folder: of it.
        status: that its record tells, if there is one and it can be read.
        runs: the invocations that its files refer to.
        unread: whether a file cannot be read, which may refer to another.
        is_running: whether a process holds its lock.
    """

    folder: Path
    status: Status | Literal["none", "unreadable"]
    runs: frozenset[str]
    unread: bool
    is_running: bool

    @property
    def has_ended(self) -> bool:
        """Return whether no run will go on with it, unless it is asked to run it again."""
        return self.status in ("done", "diverged") and not self.is_running and not _is_run_again(self.folder)

    def orphans(self) -> Iterator[Orphan]:
        """Give what is left over in the cell's folder."""
        if self.is_running:
            return
        for path in self._left_over():
            if path.is_file() and not path.is_symlink():
                kind = _OF_A_CELL.get(path.name, "lock" if path.name == LOCK else "half-written file")
                yield _orphan(path, kind, self.folder / LOCK)

    def _left_over(self) -> Iterator[Path]:
        if self.has_ended:
            yield from (self.folder / name for name in _OF_A_CELL)
        elif self.status in GOES_ON:
            yield self.folder / BEGUN
        yield from self.folder.glob(TEMPORARY)
        yield self.folder / LOCK


@final
class _Known:
    """What a results folder's cells and runs refer to."""

    def __init__(self, store: Store) -> None:
        self.cells = [_cell(folder, is_running(folder)) for folder in store.cell_folders()]
        self.runs, self.unread = [], any(cell.unread for cell in self.cells)
        for path in store.run_paths():
            try:
                note = read_run(path)
            except ResultsError:
                # It may be of cells that a trajectory is kept for.
                self.unread = True
                continue
            if note is not None:
                self.runs.append((path, note))
        self._ended = {below_results(cell.folder) for cell in self.cells if cell.has_ended}

    def is_over(self, run: RunInfo) -> bool:
        """Return whether all cells that an invocation was to see to have ended."""
        return all(planned.folder in self._ended for planned in run.cells)

    def needs_trajectories(self, task: str) -> bool:
        """Return whether a cell of the task in this folder may yet be measured along one."""
        begun = [cell for cell in self.cells if cell.folder.parent.name == task and not cell.has_ended]
        planned = {planned.folder for _, run in self.runs for planned in run.cells} - self._ended
        return self.unread or bool(begun) or any(folder.partition("/")[0] == task for folder in planned)


def _cell(folder: Path, is_running: bool) -> _Cell:
    """Return how far the cell in a folder is."""
    status, runs, unread = "none", set(), False
    for read in (lambda: read_record(folder / RECORD), lambda: read_begun(folder)):
        try:
            note = read()
        except ResultsError:
            unread = True
            continue
        if note is not None:
            runs.add(note.run)
        if isinstance(note, Record):
            status = note.status
    return _Cell(folder, "unreadable" if unread and status == "none" else status, frozenset(runs), unread, is_running)


def _is_run_again(folder: Path) -> bool:
    """Return whether a cell with a record was being run again when its process ended, and got to a checkpoint."""
    try:
        newer = (folder / CHECKPOINT).stat().st_mtime_ns > (folder / RECORD).stat().st_mtime_ns
    except OSError:
        return False
    return newer and (folder / BEGUN).exists()


def _of_task(folder: Path, known: _Known) -> Iterator[Orphan]:
    kept = known.needs_trajectories(folder.name)
    for path in trajectories(folder):
        lock = trajectory_lock(path)
        if not kept and not _is_held(lock):
            yield _orphan(path, "trajectory", lock)
    for path in folder.glob("trajectory-*.lock"):
        if not _is_held(path):
            yield _orphan(path, "lock", path)
    yield from _halves(folder)


def _of_store(store: Store, known: _Known) -> Iterator[Orphan]:
    folder = store.folder
    referred = {run for cell in known.cells for run in cell.runs}
    # One that has just begun has noted itself, and not yet its first cell.
    quiet = not known.unread and not any(cell.is_running for cell in known.cells)
    for path, run in known.runs:
        if quiet and run.run not in referred and known.is_over(run):
            yield _orphan(path, "note of a run", path.with_name(LOCK))
    for part in (folder, folder / RUNS, folder / FIGURES, folder / TABLES):
        yield from _halves(part)
        lock = part / LOCK
        if lock.is_file() and not _is_held(lock):
            yield _orphan(lock, "lock", lock)


def _halves(folder: Path) -> Iterator[Orphan]:
    for path in halves(folder):
        if is_abandoned(path):
            yield _orphan(path, "half-written file", folder / LOCK)


def _orphan(path: Path, kind: Kind, lock: Path) -> Orphan:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return Orphan(path, kind, lock, size)


def _is_in(folder: Path, below: Path | None) -> bool:
    return below is None or folder.is_relative_to(below)


def _is_held(lock: Path) -> bool:
    if not lock.is_file():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, OSError):
        return True
