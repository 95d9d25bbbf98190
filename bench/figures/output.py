"""Where a figure goes: to a file, standard output, or anything else that has a path."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from bench.errors import ResultsError
from bench.results.atomic import replacing

STANDARD_OUTPUT: Final = Path("-")


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a stream to write to `path`.

    A regular file is replaced when all is written. A pipe, a device or a link is written to and stays what it is.

    Raises:
        ResultsError: it is a folder, or does not take what is written.
    """
    if path == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise ResultsError("standard output is closed: name a file with --out")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif path.is_dir():
        raise ResultsError(f"cannot write {path}: it is a folder; name a file in it")
    elif path.is_symlink() or (path.exists() and not path.is_file()):
        with _through(path) as stream:
            yield stream
    else:
        with replacing(path) as stream:
            yield stream


def is_standard_output(path: Path) -> bool:
    """Return whether what is written to a path ends up where the command prints: at `-`, or at `/dev/stdout`."""
    if path == STANDARD_OUTPUT:
        return True
    with suppress(OSError, ValueError, AttributeError):
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    return False


@contextmanager
def _through(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("wb") as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror or error}") from error
