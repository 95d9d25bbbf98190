"""Files that are written whole or not at all.

What is written is a file of its own at first. Its writer holds a lock on it, which the system takes away when the
writer ends, however it ends: that is how others tell a file in the making from one that a killed process has left.
"""

import glob
import io
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast, final

from bench.errors import MachineTrouble
from bench.results.aside import make_room

try:
    import fcntl
except ImportError:
    # Windows: there a file that somebody has open can be neither removed nor renamed.
    fcntl = None

TEMPORARY = "*.tmp"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; it takes the place of `path`, flushed to disk, when the block ends without an error.

    Whatever happens in between, the power failing included, a reader finds the old file or the new one. Where the
    process is killed, a `*.tmp` file stays behind; whoever writes to `path` next removes it.

    Raises:
        MachineTrouble: the folder or the disk does not take it.
    """
    temporary = watched = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent, path.name)
        temporary, opened = _begun(path)
        with opened as file:
            watched = _Watched(file)
            yield cast(BinaryIO, watched)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                # While it is locked: nobody may take it for abandoned.
                temporary.replace(path)
        if fcntl is None:
            temporary.replace(path)
        _sync_folder(path.parent)
    except Exception as error:
        # A library may say in its own words that the disk is full, as torch does.
        cause = error if isinstance(error, OSError) or watched is None else watched.error
        if not isinstance(cause, OSError):
            raise
        raise MachineTrouble(f"cannot write {path}: {cause.strerror or cause}") from error
    finally:
        # A read-only disk refuses even that.
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def placing(path: Path) -> Iterator[BinaryIO]:
    """Give a file as `replacing` does, for a name that is ours alone: a folder that lies in its place is set aside.

    Raises:
        MachineTrouble: the folder or the disk does not take it.
    """
    make_room(path)
    with replacing(path) as file:
        yield file


def halves(folder: Path, name: str | None = None) -> list[Path]:
    """Return the files in the making, and those that killed processes have left, of `name` in a folder or of any."""
    return list(folder.glob(f".{'*' if name is None else glob.escape(name)}.*-????????.tmp"))


def remove_abandoned(folder: Path, name: str | None = None) -> None:
    """Remove the halves of files that no process is writing any more, as far as the folder lets go of them.

    Args:
        folder: where they are.
        name: of the file that they were to become; of any without it.
    """
    remove_halves(halves(folder, name))


def remove_halves(found: Iterable[Path]) -> None:
    """Remove those of `halves` that no process is writing any more, as far as their folder lets go of them."""
    for half in found:
        with suppress(OSError):
            if fcntl is None:
                half.unlink()
                continue
            with half.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                half.unlink()


def is_abandoned(half: Path) -> bool:
    """Return whether no process is writing one of `halves` any more."""
    try:
        with half.open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _begun(path: Path) -> tuple[Path, BinaryIO]:
    """Make a file beside `path` that is locked for as long as it is open; return where, and the file."""
    while True:
        # Not tempfile: its files are for the user alone, and results are shared.
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        file = temporary.open("xb")
        if fcntl is None:
            return temporary, file
        # Some network disks have no locks: there, nothing is ever taken for abandoned.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return temporary, file
        # Between the two, it was taken for abandoned.
        file.close()


@final
class _Watched(io.RawIOBase):
    """A file that is written to, and remembers how that failed."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.error = file, None

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Leave it to the file, which is flushed when all is written."""


def _sync_folder(folder: Path) -> None:
    """Bring a rename to disk; only POSIX has folders to flush."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
