"""Results folders of several machines made one: what only one of them has is copied, what is the same is left.

A cell whose records differ is a conflict, and nothing of it is changed unless it is said which record is to win. Every
file is put in its place whole, a cell's record last: a merge that was killed is simply run again.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

from filelock import FileLock

from bench.errors import CellBusy, ResultsError
from bench.results.atomic import placing
from bench.results.codec import CorruptRecord
from bench.results.copies import Copy, conflict_lines, copy_in, distinct, file_bytes
from bench.results.leftovers import trajectories, trajectory_lock
from bench.results.parameters import difference, written
from bench.results.schema import Record
from bench.results.store import (
    BEGUN,
    CHECKPOINT,
    DATAPOINTS,
    GOES_ON,
    PARAMETERS,
    RECORD,
    TRACEBACK,
    Store,
    beside,
    read_record,
    read_run,
    write_locked,
)
from bench.results.validate import whole_beside, whole_tensors

NEWEST: Final = "newest"
"""The preference for the record whose cell was started last, which is the one that `bench.load` counts."""

What = Literal[
    "copied",
    "replaced",
    "completed",
    "same",
    "kept",
    "conflict",
    "unfinished",
    "unreadable",
    "busy",
    "run",
    "trajectory",
]


_WRITTEN: Final[tuple[What, ...]] = ("copied", "replaced", "completed")


@dataclass(frozen=True)
class Outcome:
    """What becomes of a cell, of a file beside it, or of the note of a run.

    Attributes:
        what: a word for it: a record is `copied`, `replaced` by another's, `completed` by a file that it lacked, the
            `same` on both sides, `kept` as was preferred, in `conflict`, `unreadable`, or `busy`; a cell is
            `unfinished`; the note of a `run`, or a `trajectory`, is copied.
        path: of the folder or the file.
        said: what more there is to say, in lines.
    """

    what: What
    path: Path
    said: tuple[str, ...] = ()


Prefer = Literal["newest"] | Path | None
"""Which record wins where several differ: that of the newest cell, or that in a folder; None leaves all as it is."""


def merged(
    sources: Sequence[tuple[Store, Path | None]], into: Store, prefer: Prefer = None, dry_run: bool = False
) -> Iterator[Outcome]:
    """Merge results folders, or parts of them, into another one; give what becomes of what.

    Args:
        sources: a folder each, and the part of it that is meant, or None for all of it.
        into: where the results go.
        prefer: what to do about conflicts.
        dry_run: whether to say what would become of what, and change nothing.

    Raises:
        ResultsError: the folder does not take a file.
    """
    copies: dict[str, list[Copy]] = {}
    for store, below in sources:
        for folder in store.cell_folders(below):
            try:
                copy = copy_in(store, folder)
            except ResultsError as error:
                yield Outcome("unreadable", folder, (str(error),))
                continue
            if copy is not None:
                copies.setdefault(copy.cell.folder, []).append(copy)
            elif any((folder / name).exists() for name in (BEGUN, CHECKPOINT)):
                yield Outcome("unfinished", folder)
    merge = _Merge(into, prefer, dry_run)
    for of_cell in copies.values():
        yield from merge.of(of_cell)
    for store, below in sources:
        yield from _trajectories(store, below, into, dry_run)


@final
class _Merge:
    """How cells are merged into a folder."""

    def __init__(self, into: Store, prefer: Prefer, dry_run: bool) -> None:
        self.into, self.prefer, self.dry_run = into, prefer, dry_run
        self._notes: set[Path] = set()

    def of(self, copies: Sequence[Copy]) -> Iterator[Outcome]:
        """Give what becomes of a cell and of the notes about the runs that made it."""
        cell = copies[0].cell
        target = self.into.record_path(cell).parent
        try:
            with ExitStack() as locks:
                found = self._decided(copies, target)
                # What needs nothing is not locked, so that a folder may be merged while a run goes on there.
                if not self.dry_run and found.what in _WRITTEN:
                    locks.enter_context(self.into.lock(cell))
                    found = self._decided(copies, target)
                yield from self._done(found, copies, target)
        except CellBusy as busy:
            yield Outcome("busy", target, (str(busy),))

    def _decided(self, copies: Sequence[Copy], target: Path) -> "_Decision":
        """Return what is to become of a cell, having changed nothing."""
        try:
            own = copy_in(self.into, target)
        except CorruptRecord as error:
            winner = self._winner(copies)
            return _Decision("copied" if winner else "conflict", winner, copies, str(error))
        except ResultsError as error:
            return _Decision("unreadable", None, trouble=str(error))
        known = distinct([*([own] if own else []), *copies])
        if len(known) > 1:
            winner = self._winner(known)
            if winner is None:
                return _Decision("conflict", None, known)
            return _Decision("kept" if winner is own else "replaced" if own else "copied", winner, known)
        if own is None:
            return _Decision("copied", copies[0])
        giver = next((copy for copy in copies if _completes(copy, target)), None)
        return _Decision("completed", giver) if giver else _Decision("same", own)

    def _winner(self, copies: Sequence[Copy]) -> Copy | None:
        """Return the record that is to win; None where that is not said."""
        known = distinct(copies)
        if len(known) == 1:
            return known[0]
        if self.prefer == NEWEST:
            return max(known, key=lambda copy: copy.started)
        if isinstance(self.prefer, Path):
            root = self.prefer.resolve()
            preferred = [copy for copy in known if copy.folder.resolve().is_relative_to(root)]
            return preferred[0] if len(preferred) == 1 else None
        return None

    def _done(self, found: "_Decision", copies: Sequence[Copy], target: Path) -> Iterator[Outcome]:
        """Do what was decided, and give what became of it."""
        said = (found.trouble,) if found.trouble else ()
        if found.winner is None:
            yield Outcome(found.what, target, (*said, *conflict_lines(distinct(found.known))))
            return
        if found.what in _WRITTEN:
            for path, why in self._copied(found, target):
                yield Outcome("unreadable", path, (why,))
        if found.what == "replaced":
            said = (*said, f"by the record in {found.winner.folder}")
        yield Outcome(found.what, target, said)
        for copy in [found.winner, *(copy for copy in copies if copy.run == found.winner.run)]:
            yield from self._note(copy)

    def _copied(self, found: "_Decision", target: Path) -> Iterator[tuple[Path, str]]:
        """Copy what belongs to a record, then the record; give each file that could not be, and why."""
        assert found.winner is not None
        source = found.winner.folder
        record = read_record(source / RECORD)
        if record is None:
            raise CellBusy(f"{source / RECORD} has disappeared: merge again")
        files = {}
        for name in _belonging(record):
            try:
                if _is_whole(source / name):
                    files[name] = (source / name).read_bytes()
            except (ResultsError, OSError) as error:
                yield source / name, f"{error}" if isinstance(error, ResultsError) else f"cannot read {source / name}"
        for name, told in beside(record).items():
            if name in files and written(files[name]) != told:
                yield source / name, f"{source / name} was replaced meanwhile: merge again"
                del files[name]
        content = file_bytes(source / RECORD)
        if self.dry_run:
            return
        if found.trouble:
            self.into.read_or_set_aside(record.cell, lambda message: None)
        for name, data in files.items():
            with placing(target / name) as file:
                file.write(data)
        if found.what == "completed":
            return
        for name in {PARAMETERS, DATAPOINTS} - files.keys():
            # What may lie there is another record's.
            (target / name).unlink(missing_ok=True)
        with placing(target / RECORD) as file:
            file.write(content)
        self.into.tidy(record)

    def _note(self, copy: Copy) -> Iterator[Outcome]:
        """Copy the note about the run that made a record, unless it is there."""
        source, target = copy.store.run_path(copy.run), self.into.run_path(copy.run)
        if source in self._notes or source.resolve() == target.resolve():
            return
        self._notes.add(source)
        try:
            if read_run(source) is None:
                return
            data = file_bytes(source)
        except ResultsError as error:
            yield Outcome("unreadable", source, (str(error),))
            return
        if not target.exists():
            if not self.dry_run:
                write_locked(target, data)
            yield Outcome("run", target)
        elif file_bytes(target) != data and self.prefer is None:
            yield Outcome("conflict", target, (f"the note of this run in {source} says something else",))


@dataclass(frozen=True)
class _Decision:
    """What is to become of a cell, whose record wins, which records differ, and why that in its place is unreadable."""

    what: What
    winner: Copy | None
    known: Sequence[Copy] = ()
    trouble: str = ""


def _belonging(record: Record) -> tuple[str, ...]:
    """Return the files that belong to a record; what a cell goes on from does."""
    return GOES_ON.get(record.status, (PARAMETERS, DATAPOINTS))


def _completes(copy: Copy, target: Path) -> bool:
    """Return whether a copy has a file that its record tells of, and the target does not."""
    record = read_record(copy.record)
    return record is not None and any(
        difference(target / name, told) and not difference(copy.folder / name, told)
        for name, told in beside(record).items()
    )


def _is_whole(path: Path) -> bool:
    """Return whether a file is there; somebody may have removed it to save room.

    Raises:
        ResultsError: it is not what was written.
    """
    if not path.is_file():
        return False
    if path.name in (PARAMETERS, DATAPOINTS):
        return bool(whole_beside(path))
    return path.name == TRACEBACK or bool(whole_tensors(path))


def _trajectories(store: Store, below: Path | None, into: Store, dry_run: bool) -> Iterator[Outcome]:
    """Copy the reference trajectories that cells run later may be measured along, unless there are such."""
    for folder in sorted({cell.parent for cell in store.cell_folders(below)}):
        if below is not None and folder != below:
            continue
        for source in trajectories(folder):
            target = into.folder / folder.name / source.name
            if target.exists():
                continue
            try:
                whole_tensors(source)
                data = source.read_bytes()
            except (ResultsError, OSError) as error:
                yield Outcome("unreadable", source, (str(error),))
                continue
            if not dry_run:
                target.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(trajectory_lock(target)):
                    if not target.exists():
                        with placing(target) as file:
                            file.write(data)
            yield Outcome("trajectory", target)
