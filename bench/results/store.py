"""A results folder: one folder per cell, one note per invocation.

<folder>/<task>/<estimator>-K<samples>-seed<seed>-<id>/record.json, parameters.pt, datapoints.npy, …
<folder>/runs/<run>.json
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from filelock import FileLock, Timeout

from bench.errors import CellBusy, ResultsError
from bench.results.aside import make_room, no_file, set_aside
from bench.results.atomic import placing, replacing
from bench.results.codec import CorruptRecord, corrupt, dump, parse
from bench.results.leftovers import LOCK, RUNS, remove_strays, remove_temporaries
from bench.results.schema import Begun, Record, RunInfo, Status, Written
from bench.settings import Cell

RECORD: Final = "record.json"
CHECKPOINT: Final = "checkpoint.pt"
PARAMETERS: Final = "parameters.pt"
DATAPOINTS: Final = "datapoints.npy"
TRACEBACK: Final = "traceback.txt"
CELL_FOLDER: Final = re.compile(r"(?P<estimator>.+)-K(?P<samples>\d+)-seed(?P<seed>\d+)-(?P<id>[0-9a-f]{16})")
BEGUN: Final = "begun.json"

GOES_ON: Final[Mapping[Status, tuple[str, ...]]] = {"failed": (TRACEBACK, CHECKPOINT), "limited": (CHECKPOINT,)}
"""What is kept of a cell that has a record and may yet go on: what it is run again from, and the way to its fault."""

T = TypeVar("T", Record, RunInfo, Begun)
Unreadable = Callable[[ResultsError], object]
"""What becomes of the error that says why a file cannot be read; the file is left out, unless this raises."""

# `is_running` holds a lock for an instant, which must not turn a runner away.
_PATIENCE: Final = 0.5
FOREVER: Final = -1.0
"""Patience that never ends."""


def raised(error: ResultsError) -> NoReturn:
    """Let nothing be left out."""
    raise error


def ignored(error: ResultsError) -> None:
    """Leave out what cannot be read, and say nothing."""


class Store:
    """Reads and writes one results folder. Any number of processes may use it at once."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def ensure_writable(self) -> None:
        """Make the folder, and find out before anything is computed whether it takes files.

        Raises:
            ResultsError: it does not.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # It has no name, so that nothing is left of it, whatever becomes of this process.
            with tempfile.TemporaryFile(dir=self.folder, prefix=".writable-") as probe:
                probe.write(b"?")
            remove_strays(self.folder)
        except OSError as error:
            reason = error.strerror or error
            raise ResultsError(
                f"results cannot be written to {self.folder} ({reason}): give another folder with --out"
            ) from error

    def record_path(self, cell: Cell) -> Path:
        """Return where the cell's record is, or will be."""
        return self.folder / cell.folder / RECORD

    def checkpoint_path(self, cell: Cell) -> Path:
        """Return where training leaves what it continues from."""
        return self.folder / cell.folder / CHECKPOINT

    def parameters_path(self, cell: Cell) -> Path:
        """Return where the trained parameters are, or will be."""
        return self.folder / cell.folder / PARAMETERS

    def datapoints_path(self, cell: Cell) -> Path:
        """Return where the bounds of single test datapoints are, or will be."""
        return self.folder / cell.folder / DATAPOINTS

    def traceback_path(self, cell: Cell) -> Path:
        """Return where it is written how a cell failed."""
        return self.folder / cell.folder / TRACEBACK

    def stamp(self, cell: Cell) -> int | None:
        """Return when the cell's record was written, to compare with another time; None without one."""
        try:
            return self.record_path(cell).stat().st_mtime_ns
        except OSError:
            return None

    def read(self, cell: Cell) -> Record | None:
        """Return the cell's record, or None without one.

        Raises:
            CorruptRecord: there is one, but it is damaged.
            ResultsError: it cannot be opened, or its schema version is not readable.
        """
        return read_record(self.record_path(cell))

    def read_or_set_aside(self, cell: Cell, warn: Callable[[str], object]) -> Record | None:
        """Return the cell's record as `read`; a damaged one is kept under another name, so that the cell can run.

        Args:
            cell: the cell, whose lock the caller holds.
            warn: is told, in one sentence, what was set aside and why.
        """
        try:
            return self.read(cell)
        except CorruptRecord as error:
            path = self.record_path(cell)
            aside = set_aside(path)
            warn(f"{path} is not a readable record ({error.why}): it is now {aside.name}, and the cell is run again")
            return None

    def begin(self, begun: Begun) -> None:
        """Note which invocation runs a cell; until the cell has a record, `read_begun` finds the note.

        Raises:
            ResultsError: the folder does not take it.
        """
        with placing(self.folder / begun.cell.folder / BEGUN) as file:
            file.write(dump(begun))

    def write(self, record: Record) -> Path:
        """Write a cell's record, whole or not at all, and return where.

        Raises:
            ResultsError: the folder does not take it.
        """
        path = self.record_path(record.cell)
        with placing(path) as file:
            file.write(dump(record))
        self.tidy(record)
        return path

    def tidy(self, record: Record) -> None:
        """Remove what a process that was killed, or a record before, has left; the caller holds the cell's lock.

        What belongs to a cell that may go on is kept; see `GOES_ON`.
        """
        folder = self.record_path(record.cell).parent
        old = {BEGUN, CHECKPOINT, TRACEBACK}.difference(GOES_ON.get(record.status, ()))
        for name in old if record.datapoints else {*old, DATAPOINTS}:
            make_room(folder / name)
            (folder / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self, cell: Cell, patience: float = _PATIENCE) -> Iterator[None]:
        """Keep other processes from running the cell. The system lets go of it when this process ends, however it ends.

        Args:
            cell: which one.
            patience: seconds to wait for a process that is running it, or `FOREVER`.

        Raises:
            CellBusy: another process is running it.
            ResultsError: the folder does not take the lock's file.
        """
        folder = self.folder / cell.folder
        lock = FileLock(folder / LOCK)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=patience)
        except Timeout:
            raise CellBusy(f"{folder} is being run by another process: wait for it, or stop it") from None
        except OSError as error:
            raise ResultsError(f"cannot lock {folder}: {error.strerror or error}") from error
        try:
            remove_temporaries(folder)
            yield
        finally:
            lock.release()

    def cell_folders(self, below: Path | None = None) -> list[Path]:
        """Return the folder of every cell begun or done, those in the folder `below` only if it is given."""
        found = [
            folder
            for folder in sorted(self.folder.glob("*/*"))
            if CELL_FOLDER.fullmatch(folder.name) and folder.is_dir()
        ]
        return [folder for folder in found if below is None or folder.is_relative_to(below)]

    def records(self, below: Path | None = None, unreadable: Unreadable = raised) -> Iterator[Record]:
        """Give every record, in the order of the folders' names; what cannot be read is for `unreadable` to judge."""
        return (record for _, record in self.records_in(below, unreadable))

    def records_in(self, below: Path | None = None, unreadable: Unreadable = raised) -> Iterator[tuple[Path, Record]]:
        """Give every record as `records`, each with its cell's folder."""
        return each_record(self.cell_folders(below), unreadable)

    def write_run(self, run: RunInfo) -> Path:
        """Write the note about an invocation, and return where.

        Raises:
            ResultsError: the folder does not take it.
        """
        path = self.run_path(run.run)
        write_locked(path, dump(run))
        return path

    def run_path(self, run: str) -> Path:
        """Return where the note of an invocation is, or would be; `run` may come from a record of anybody's."""
        return self.folder / RUNS / f"{Path(run).name}.json"

    def run_paths(self) -> list[Path]:
        """Return where the note of every invocation is, oldest first."""
        return sorted(self.folder.glob(f"{RUNS}/*.json"))

    def runs(self, unreadable: Unreadable = raised) -> Iterator[RunInfo]:
        """Give the note of every invocation, oldest first; what cannot be read is for `unreadable` to judge."""
        return _each(read_run, self.run_paths(), unreadable)

    def set_damaged_runs_aside(self, warn: Callable[[str], object]) -> None:
        """Keep notes of invocations that are damaged under other names; `warn` is told of each, in one sentence."""
        for path in self.run_paths():
            try:
                read_run(path)
            except CorruptRecord as error:
                aside = set_aside(path)
                warn(f"{path} is not a readable note of a run ({error.why}): it is now {aside.name}")
            except ResultsError:
                continue  # of a newer version, or not for us to read: not damaged


def beside(record: Record) -> dict[str, Written]:
    """Return the files beside a record that it tells of, by their names."""
    told = {PARAMETERS: record.parameters, DATAPOINTS: record.datapoints}
    return {name: file for name, file in told.items() if file is not None}


def locate(path: Path) -> tuple[Store, Path | None]:
    """Return the results folder that a path is in, and the path if it is only a part of that folder."""
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise ResultsError(f"{path} {what}: give the folder that `bench run --out` wrote to")
    whole = path.absolute()
    if CELL_FOLDER.fullmatch(whole.name):
        return Store(whole.parent.parent), whole
    if any(CELL_FOLDER.fullmatch(child.name) for child in path.iterdir()):
        return Store(whole.parent), whole
    return Store(path), None


def read_record(path: Path) -> Record | None:
    """Return the record in a file, or None where there is no file.

    Raises:
        CorruptRecord: it is damaged, or that of another cell than its folder's.
        ResultsError: it cannot be opened, or its schema version is not readable.
    """
    record = _read(Record, path)
    folder = CELL_FOLDER.fullmatch(path.parent.name)
    if record is not None and folder is not None and folder["id"] != record.cell.id:
        raise corrupt(Record, path, f"it is the record of another cell, {record.cell.folder}")
    return record


def each_record(folders: Iterable[Path], unreadable: Unreadable = raised) -> Iterator[tuple[Path, Record]]:
    """Give the record of each cell's folder that has one; what cannot be read is for `unreadable` to judge."""
    for folder in folders:
        yield from ((folder, record) for record in _each(read_record, [folder / RECORD], unreadable))


def write_locked(path: Path, data: bytes) -> None:
    """Write a file whole, under the lock of all that is written in its folder.

    Raises:
        ResultsError: the folder does not take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / LOCK), replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror or error}") from error


def read_run(path: Path) -> RunInfo | None:
    """Return the note of an invocation in a file, or None where there is no file.

    Raises:
        CorruptRecord: it is damaged, or that of another run than its name says.
        ResultsError: it cannot be opened, or its schema version is not readable.
    """
    run = _read(RunInfo, path)
    if run is not None and run.run != path.stem:
        raise corrupt(RunInfo, path, f"it is the note of another run, {run.run}")
    return run


def read_begun(cell_folder: Path) -> Begun | None:
    """Return the note about a cell without a record; None where there is none, as an earlier version left none.

    Raises:
        CorruptRecord: it is damaged, or that of another cell than its folder's.
        ResultsError: it cannot be opened, or its schema version is not readable.
    """
    path = cell_folder / BEGUN
    begun = _read(Begun, path)
    folder = CELL_FOLDER.fullmatch(cell_folder.name)
    if begun is not None and folder is not None and folder["id"] != begun.cell.id:
        raise corrupt(Begun, path, f"it is the note of another cell, {begun.cell.folder}")
    return begun


def below_results(cell_folder: Path) -> str:
    """Return the folder of a cell as `Cell.folder` has it: below the results."""
    return f"{cell_folder.parent.name}/{cell_folder.name}"


def is_running(cell_folder: Path) -> bool:
    """Return whether some process holds the lock of the cell in this folder."""
    path = cell_folder / LOCK
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False  # a folder that cannot be locked, such as a published one, is not run in either


def _read(kind: type[T], path: Path) -> T | None:
    try:
        data = path.read_bytes()
    except OSError as error:
        if what := no_file(path, error):
            raise corrupt(kind, path, what) from error
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return None
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error
    return parse(kind, data, path)


def _each(read: Callable[[Path], T | None], paths: Iterable[Path], unreadable: Unreadable) -> Iterator[T]:
    for path in paths:
        try:
            content = read(path)
        except ResultsError as error:
            unreadable(error)
            continue
        if content is not None:
            yield content
