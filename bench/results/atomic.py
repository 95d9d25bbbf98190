"""Files that are written whole or not at all."""

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast, final

from bench.errors import MachineTrouble

TEMPORARY = "*.tmp"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; it takes the place of `path`, flushed to disk, when the block ends without an error.

    Whatever happens in between, the power failing included, a reader finds the old file or the new one. Where the
    process is killed, a `*.tmp` file stays behind.

    Raises:
        MachineTrouble: the folder or the disk does not take it.
    """
    # Not tempfile: its files are for the user alone, and results are shared.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    watched = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            watched = _Watched(file)
            yield cast(BinaryIO, watched)
            file.flush()
            os.fsync(file.fileno())
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
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
