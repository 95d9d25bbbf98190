"""The cache of a large results folder: its records as columns, and which file each was read from.

`tables/records.cache` may be deleted at any time. It is believed as far as its digest fits, the code that reads records
is the one that wrote it, and the file of a record is the one that was read: by its size, its inode and the times of its
last changes. A copy of a folder has other files, so that its cache says nothing.

In the first line is the digest of the second, which has the digests of the tables that follow.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import pandas as pd
import pyarrow as pa

from bench.errors import BenchError
from bench.results.atomic import placing
from bench.results.leftovers import TABLES
from bench.results.parts import ROWS, Part, empty
from bench.results.stamped import Stamp

CACHE: Final = "records.cache"

_HEAD: Final = b"varbench cache, sha256 "
_LONGEST_LINE: Final = 4096
_FOLDER: Final = "_folder"
_BENCH: Final = Path(__file__).resolve().parents[1]
_READ_BY: Final = (
    *("decoding.py", "errors.py", "escaping.py", "fields.py", "settings.py", "names/spec.py"),
    *(
        f"results/{name}.py"
        for name in ("cache", "codec", "columns", "metrics", "order", "parts", "schema", "soundness")
    ),
    *(f"results/{name}.py" for name in ("stamped", "store", "tables", "typed", "upgrades")),
)
"""The modules that decide what of a record is in a table, and whether it may be."""


class Damaged(Exception):
    """A cache is not what was written."""


@final
class Cache:
    """An open cache whose table of cells has been read.

    Attributes:
        cells: as `Part.cells`.
        stamps: by the folder of a cell below the results, which row of `cells` is its, and the file that was read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sections = _sections(file)
        cells = self._table("cells")
        folders = cells[_FOLDER].to_pylist()
        parts = zip(*(cells[f"_{name}"].to_pylist() for name in Stamp._fields), strict=True)
        self.stamps = {name: (row, Stamp(*of)) for row, (name, of) in enumerate(zip(folders, parts, strict=True))}
        self.cells = cells.drop_columns([_FOLDER, *(f"_{name}" for name in Stamp._fields)])

    def part(self, only: Collection[str]) -> Part:
        """Return the records, with no rows but those of the tables `only`.

        Raises:
            Damaged: the file is not what was written.
        """
        return Part(self.cells, {name: self._table(name) if name in only else empty().rows[name] for name in ROWS})

    def _table(self, name: str) -> pa.Table:
        start, size, digest = self._sections[name]
        try:
            self._file.seek(start)
            data = self._file.read(size)
            if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
                raise Damaged
            table = pa.ipc.open_file(pa.py_buffer(data)).read_all().combine_chunks()
            table.validate(full=True)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise Damaged from error
        return table


@contextmanager
def opened(results: Path) -> Iterator[Cache | None]:
    """Give the cache of a results folder; None where there is none that this version of varbench has written."""
    with ExitStack() as files:
        found = None
        with suppress(OSError, Damaged):
            found = Cache(files.enter_context((results / TABLES / CACHE).open("rb")))
        yield found


@dataclass(frozen=True)
class Kept:
    """What a cache is to hold.

    Attributes:
        part: the records.
        folders: of their cells, below the results.
        stamps: of the files that they were read from.
    """

    part: Part
    folders: Sequence[str]
    stamps: Sequence[Stamp]


def write(results: Path, kept: Kept) -> None:
    """Write the cache of a results folder, if that takes it; the caller holds the lock of its tables."""
    code = code_digest()
    if code is None:
        return
    cells = kept.part.cells.append_column(_FOLDER, pa.array(kept.folders, pa.large_string()))
    for place, name in enumerate(Stamp._fields):
        cells = cells.append_column(f"_{name}", pa.array([one[place] for one in kept.stamps], pa.int64()))
    tables = {"cells": _encoded(cells), **{name: _encoded(kept.part.rows[name]) for name in ROWS}}
    sections = {name: (data.size, hashlib.sha256(data).hexdigest()) for name, data in tables.items()}
    line = json.dumps({"code": code, "sections": sections}).encode()
    # Whatever it is that fails, records are there without it.
    with suppress(OSError, BenchError), placing(results / TABLES / CACHE) as file:
        file.write(_HEAD + hashlib.sha256(line).hexdigest().encode() + b"\n" + line + b"\n")
        for data in tables.values():
            file.write(memoryview(data))


def _encoded(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _sections(file: BinaryIO) -> dict[str, tuple[int, int, str]]:
    """Return by table where it begins, how long it is, and its digest."""
    try:
        first, line = file.readline(_LONGEST_LINE), file.readline(_LONGEST_LINE)
        if first != _HEAD + hashlib.sha256(line.rstrip(b"\n")).hexdigest().encode() + b"\n":
            raise Damaged
        head: dict[str, Any] = json.loads(line)
        if head["code"] != code_digest():
            raise Damaged
        found, start = {}, file.tell()
        for name, (size, digest) in head["sections"].items():
            found[name] = (start, size, digest)
            start += size
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged from error


@cache
def code_digest() -> str | None:
    """Return a digest of the code that makes columns of records; None if it cannot be read."""
    digest = hashlib.sha256(f"pandas {pd.__version__} pyarrow {pa.__version__}".encode())
    for name in _READ_BY:
        try:
            digest.update(f"\0{name}\0".encode() + (_BENCH / name).read_bytes())
        except OSError:
            return None
    return digest.hexdigest()
