"""Whether the files of a results folder are what was written: every byte of records, notes and arrays is read.

Records and notes have a digest in their second line. Files beside a record have one in that. Any other file of tensors
has it in its first line, of all that follows, or is a zip archive, as `torch.save` writes it, which has a checksum of
every member.
"""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import ResultsError
from bench.results.aside import no_file
from bench.results.codec import has_digest
from bench.results.datapoints import load_datapoints
from bench.results.parameters import REMEDY, difference
from bench.results.schema import Written
from bench.results.sealed import FIRST_LINE, archive_damage, fits, is_of_another
from bench.results.store import (
    BEGUN,
    DATAPOINTS,
    PARAMETERS,
    RECORD,
    Store,
    beside,
    read_begun,
    read_record,
    read_run,
)

_LONGEST_HEAD: Final = 256

_BESIDE: Final = {
    PARAMETERS: "no table or figure depends on it",
    DATAPOINTS: "only the table of single datapoints depends on it",
}
"""What depends on a file beside a record."""


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
        for name in _BESIDE:
            yield from _checked(folder / name, whole_beside)
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
        found = read(path)
        if found is not None:
            yield Checked(path, "", isinstance(found, Written) or _has_digest(path))
    except ResultsError as error:
        yield Checked(path, str(error), digest=True)


def _has_digest(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEAD)
    return has_digest(head) or FIRST_LINE.match(head) is not None or zipfile.is_zipfile(path)


def whole_beside(path: Path) -> Written | bool | None:
    """Return what the record beside a file tells of it, True where it tells nothing, None where a file is not there.

    Raises:
        ResultsError: it is not the one that its record tells of, or, where that is not known, no such file.
    """
    try:
        record = read_record(path.with_name(RECORD))
    except ResultsError:
        record = None
    told = beside(record).get(path.name) if record is not None else None
    if told is None:
        return whole_tensors(path) if path.name == PARAMETERS else _whole_datapoints(path)
    if why := difference(path, told):
        raise ResultsError(f"{path} {why}: {REMEDY}; {_BESIDE[path.name]}")
    return told


def _whole_datapoints(path: Path) -> bool | None:
    if not os.path.lexists(path):
        return None
    try:
        load_datapoints(path)
    except ResultsError as error:
        raise ResultsError(f"{error}: delete it; {_BESIDE[DATAPOINTS]}") from error
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
        raise ResultsError(f"{path} is not as it was written ({why}): {remedy}")
    return True


def _damage(file: io.BufferedReader, path: Path) -> str:
    first = FIRST_LINE.match(file.read(_LONGEST_HEAD))
    if first is not None:
        if is_of_another(first, path):
            return "it belongs to another cell"
        file.seek(first.end())
        return "" if fits(first, file) else "its digest does not match"
    return archive_damage(file)
