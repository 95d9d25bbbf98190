"""The file of a cell's trained parameters, and whether it is the one that its record tells of."""

import hashlib
import io
import math
from pathlib import Path
from typing import Final

from bench.errors import ResultsError
from bench.results.schema import Written

QUICKLY: Final = 16 << 20
"""Bytes whose digest takes some hundredths of a second."""

REMEDY: Final = "repeat the `bench run` that wrote it with `--rerun failed`, which makes it again"


def written(payload: bytes | memoryview) -> Written:
    """Return what a record tells of a file with this content."""
    return Written(len(payload), hashlib.sha256(payload).hexdigest())


def difference(path: Path, told: Written, up_to: float = math.inf) -> str:
    """Return in words how a file is not the one that a record tells of; empty where it is.

    Args:
        path: of the file.
        told: by the record.
        up_to: of a file of more bytes, only the size is looked at.

    Raises:
        ResultsError: it cannot be read.
    """
    try:
        if not path.is_file():
            return "is not a file" if path.exists() or path.is_symlink() else "is missing"
        size = path.stat().st_size
        if size != told.bytes:
            return f"has {size} bytes instead of {told.bytes}"
        if size > up_to:
            return ""
        with path.open("rb") as file:
            return _compared(file, told)
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error


def _compared(file: io.BufferedReader, told: Written) -> str:
    fits = hashlib.file_digest(file, "sha256").hexdigest() == told.sha256
    return "" if fits else "does not have the digest in its record"
