"""Whether the files of a results folder are what was written: every byte of records, notes and tensors is read.

Records and notes have a digest in their second line. A file of tensors has one in its first line, of all that follows;
or it is a zip archive, as `torch.save` writes it, which has a checksum of every member.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import ResultsError
from bench.results.codec import has_digest
from bench.results.sealed import FIRST_LINE
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

    >>> from pathlib import Path
    >>> from bench.results.sealed import FIRST_LINE
    from bench.results.store import Store
    >>> {one.why for one in checked(Store("results"))}
    {''}
    """
    cells = store.cell_folders(below)
    for folder in cells:
        yield from _checked(folder / RECORD, read_record)
        yield from _checked(folder / BEGUN, lambda path: read_begun(path.parent))
    for folder in dict.fromkeys([*(cell.parent for cell in cells), *cells]):
        if below is None or folder.is_relative_to(below):
            for path in sorted(folder.glob("*.pt")):
                yield from _checked(path, _read_tensors)
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


def _read_tensors(path: Path) -> bool | None:
    """Return whether a file of tensors is there; raise ResultsError if it is not what was written."""
    try:
        with path.open("rb") as file:
            why = _damage(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error
    if why:
        remedy = (
            "delete it, and `bench run` with --rerun all makes it again; no table or figure depends on it"
            if path.name == PARAMETERS
            else "delete it, or repeat the `bench run` that wrote it"
        )
        raise ResultsError(f"{path} is not what was written ({why}): {remedy}")
    return True


def _damage(file: io.BufferedReader) -> str:
    first = FIRST_LINE.match(file.read(_LONGEST_HEAD))
    if first is not None:
        file.seek(first.end())
        fits = hashlib.file_digest(file, "sha256").hexdigest() == first["digest"].decode()
        return "" if fits else "its digest does not fit"
    try:
        with zipfile.ZipFile(file) as archive:
            member = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"it is no archive of tensors: {error}"
    return f"the checksum of {member} does not fit" if member is not None else ""
