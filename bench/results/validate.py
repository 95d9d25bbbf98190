"""Whether the files of a results folder are what was written: every byte of records, notes and tensors is read.

Records and notes have a digest in their second line. A file of tensors has one in its first line, of all that follows,
or in the record of its cell; or it is a zip archive, as `torch.save` writes it, which has a checksum of every member.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import ResultsError
from bench.results.aside import no_file
from bench.results.codec import has_digest
from bench.results.parameters import REMEDY, difference
from bench.results.sealed import FIRST_LINE, archive_damage, fits, is_of_another
from bench.results.store import BEGUN, PARAMETERS, RECORD, Store, read_begun, read_record, read_run

_LONGEST_HEAD: Final = 256


@dataclass(frozen=True)
class Checked:
    """One file.

    Attributes:
        path: where it is.
        why: it is not what was written, in a sentence; empty where it is.
        digest: whether it has a digest, so that any change would have been found.
    """

    path: Path
    why: str
    digest: bool


def checked(store: Store, below: Path | None = None) -> Iterator[Checked]:
    """Read every file of a results folder, or of a folder `below` in it, that results are made of.

    >>> from bench.results.store import Store
    >>> {one.why for one in checked(Store("results"))}
    {''}
    """
    cells = store.cell_folders(below)
    for folder in cells:
        yield from _checked(folder / RECORD, read_record)
        yield from _checked(folder / BEGUN, lambda path: read_begun(path.parent))
        yield from _checked(folder / PARAMETERS, whole_parameters)
    for folder in dict.fromkeys([*(cell.parent for cell in cells), *cells]):
        if below is None or folder.is_relative_to(below):
            for path in sorted(folder.glob("*.pt")):
                if folder not in cells or path.name != PARAMETERS:
                    yield from _checked(path, whole_tensors)
    if below is None:
        for path in store.run_paths():
            yield from _checked(path, read_run)


def _checked(path: Path, read: Callable[[Path], object]) -> Iterator[Checked]:
    try:
        if read(path) is not None:
            yield Checked(path, "", _has_digest(path))
    except ResultsError as error:
        yield Checked(path, str(error), digest=True)


def _has_digest(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEAD)
    return has_digest(head) or FIRST_LINE.match(head) is not None or zipfile.is_zipfile(path)


def whole_parameters(path: Path) -> bool | None:
    """Return whether a file of parameters is there; raise ResultsError if it is not the one its record tells of."""
    try:
        record = read_record(path.with_name(RECORD))
    except ResultsError:
        record = None
    if record is None or record.parameters is None:
        return whole_tensors(path)
    if why := difference(path, record.parameters):
        raise ResultsError(f"{path} {why}: {REMEDY}; no table or figure depends on it")
    return True


def whole_tensors(path: Path) -> bool | None:
    """Return whether a file of tensors is there; raise ResultsError if it is not what was written."""
    try:
        with path.open("rb") as file:
            why = _damage(file, path)
    except OSError as error:
        why = no_file(path, error)
        if not why and isinstance(error, FileNotFoundError):
            return None
        if not why:
            raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error
    if why:
        remedy = (
            "delete it, and `bench run` with --rerun all makes it again; no table or figure depends on it"
            if path.name == PARAMETERS
            else "delete it, or let the `bench run` that needs it set it aside; no number on record depends on it"
        )
        raise ResultsError(f"{path} is not what was written ({why}): {remedy}")
    return True


def _damage(file: io.BufferedReader, path: Path) -> str:
    first = FIRST_LINE.match(file.read(_LONGEST_HEAD))
    if first is not None:
        if is_of_another(first, path):
            return "it is another's"
        file.seek(first.end())
        return "" if fits(first, file) else "its digest does not fit"
    return archive_damage(file)
