"""Records of one cell in several folders: read, told apart by what they say, and what they say otherwise."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import ResultsError
from bench.results.differing import differences, software_apart
from bench.results.store import RECORD, Store, read_record
from bench.settings import Cell


@dataclass(frozen=True)
class Copy:
    """One record of a cell: the store and the folder it is in, when its cell started, and a digest of its bytes."""

    store: Store
    folder: Path
    cell: Cell
    run: str
    started: str
    digest: str

    @property
    def record(self) -> Path:
        return self.folder / RECORD


def copy_in(store: Store, folder: Path) -> Copy | None:
    """Return the record in the folder of a cell, or None without one.

    Raises:
        ResultsError: it cannot be read.
    """
    record = read_record(folder / RECORD)
    if record is None:
        return None
    digest = hashlib.sha256(file_bytes(folder / RECORD)).hexdigest()
    return Copy(store, folder, record.cell, record.run, record.started, digest)


def file_bytes(path: Path) -> bytes:
    """Return what is in a file of text; a checkout of git may have changed the ends of its lines.

    Raises:
        ResultsError: it cannot be read.
    """
    try:
        return path.read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error


def distinct(copies: Iterable[Copy]) -> list[Copy]:
    """Return one of the copies of each record; what another version has written anew is the same."""
    known: list[Copy] = []
    for copy in copies:
        if not any(copy.digest == other.digest or not _differences(copy, other) for other in known):
            known.append(copy)
    return known


def _differences(one: Copy, other: Copy) -> list[str]:
    first, second = read_record(one.record), read_record(other.record)
    if first is None or second is None:
        return ["record"]
    return differences(first, second)


def conflict_lines(known: Sequence[Copy]) -> Iterator[str]:
    """Give lines about records that differ: where each is, and what it has otherwise than the first."""
    for copy in known:
        first = known[0]
        yield f"{copy.folder}: started {copy.started}"
        if copy is not first:
            apart = [*software_apart(first.store, first.run, copy.store, copy.run), *_differences(first, copy)]
            yield from (f"  {line}" for line in apart)
