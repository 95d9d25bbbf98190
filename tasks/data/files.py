"""Files of the user's own: where they are, what is in them, and what a data set made of them is called.

Such a data set is known by its content. Its name says which of the task's parameters led to it; a cell's id holds the
name, and so the digest, and leaves the parameter out: a file may be moved, renamed or copied, and is another data set
as soon as a byte of it changes.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tasks.data import DataUnavailable

_DIGITS: Final = 16
_NAME: Final = re.compile(rf"(?P<parameter>\w+)=sha256:[0-9a-f]{{{_DIGITS}}}\b")

Stamp = tuple[tuple[str, int, int], ...]
"""Of files their names, when they were changed last, and their sizes: where these are as before, so is the content."""


def content_name(parameter: str, digest: str) -> str:
    """Return the name of the data set that a parameter led to.

    >>> from tasks.data.files import content_name
    >>> content_name("path", "3f2a9c1b2d3e4f50" + 48 * "0")
    'path=sha256:3f2a9c1b2d3e4f50'
    """
    return f"{parameter}=sha256:{digest[:_DIGITS]}"


def parameter_of(dataset: str) -> str | None:
    """Return the parameter that led to a data set with this name; None where its name says of none.

    >>> from tasks.data.files import parameter_of
    >>> parameter_of("path=sha256:3f2a9c1b2d3e4f50-dynamic"), parameter_of("mnist-5k")
    ('path', None)
    """
    found = _NAME.match(dataset)
    return found["parameter"] if found else None


def located(place: str) -> Path:
    """Return the absolute path of a file or folder, given relative to the working folder; `~` is the user's own.

    Raises:
        DataUnavailable: there is nothing that could be read.
    """
    try:
        path = Path(place).expanduser()
        found = path.is_file() or path.is_dir()
        there = found or path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataUnavailable(f"'{place}' cannot be looked up: {_reason(error)}") from None
    if not found:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        what = "is neither a file nor a folder" if there else f"does not exist{where}"
        raise DataUnavailable(f"{place} {what}; give the path of a file or folder, relative to the working folder")
    return path.absolute()


def stamp(files: Iterable[Path]) -> Stamp:
    """Return by what it is seen that files are as before.

    Raises:
        DataUnavailable: one of them cannot be looked at.
    """
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            raise unreadable(file, error) from None
        found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)


def content(file: Path) -> tuple[bytes, str]:
    """Return the bytes of a file, and their SHA-256 in hex.

    Raises:
        DataUnavailable: it cannot be read, or is empty.
    """
    try:
        found = file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from None
    if not found:
        raise DataUnavailable(f"{file} is empty")
    return found, hashlib.sha256(found).hexdigest()


def digest_of_all(digests: Iterable[str]) -> str:
    """Return a digest of files whose order and names say nothing."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def unreadable(file: Path, error: Exception) -> DataUnavailable:
    """Return what is said of a file that cannot be read."""
    return DataUnavailable(f"{file} cannot be read: {_reason(error)}")


def text(file: Path) -> tuple[str, str]:
    """Return the text of a file, without a byte order mark and with line ends as Unix has them, and its SHA-256 in hex.

    Raises:
        DataUnavailable: it cannot be read, is empty, or is no text in UTF-8, nor in UTF-16 with a byte order mark.
    """
    found, digest = content(file)
    encoding = "utf-16" if found[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        decoded = found.decode(encoding)
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise DataUnavailable(f"{file} is not UTF-8 text (line {line}): save it in that encoding") from None
    if "\0" in decoded:
        raise DataUnavailable(
            f"{file} is not text (it holds zero bytes): if it is a workbook or the like, save it as text"
        )
    return decoded.replace("\r\n", "\n").replace("\r", "\n"), digest


def _reason(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).splitlines()[0]
