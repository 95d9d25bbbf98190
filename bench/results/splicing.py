"""The tables of a large folder, of which only what is new is written: a CSV file is spliced from the one that is there.

`tables/pieces` says of which records each stretch of a CSV file was made, and what the file system says of the tables,
under a digest. A table whose records and files are those of before stays as it is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pandas as pd

from bench.decoding import Decoder, Undecodable
from bench.errors import BenchError
from bench.escaping import as_csv
from bench.results import cache, stamped
from bench.results.atomic import placing
from bench.results.stamped import Stamp

PIECES: Final = "pieces"

_CELLS: Final = 64
"""Cells of a piece, on average. Which one is the last of a piece depends on its id alone, and not on its neighbours."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a CSV file.

    Attributes:
        of: digest of what the file system says of its records; empty where that does not tell them from others.
        size: in bytes.
    """

    of: str
    size: int


@dataclass(frozen=True)
class Written:
    """A table as it was written: what the file system says of its files, and the pieces of its CSV file."""

    files: list[list[int]]
    pieces: list[Piece]


@dataclass(frozen=True)
class Tables:
    """All tables, as they were written by some code."""

    code: str = ""
    tables: dict[str, Written] = field(default_factory=dict)


_DECODER: Final = Decoder[Tables](Tables)


def known(folder: Path) -> Tables:
    """Return the tables that were written to a folder by this code; none where that is not known."""
    with suppress(OSError, Undecodable):
        digest, _, content = (folder / PIECES).read_bytes().partition(b"\n")
        if digest == hashlib.sha256(content).hexdigest().encode():
            found = _DECODER.decode(content)
            if found.code == cache.code_digest():
                return found
    return Tables()


def remember(folder: Path, tables: Mapping[str, Written]) -> None:
    """Note how tables were written; the caller holds their lock."""
    content = msgspec.json.encode(asdict(Tables(cache.code_digest() or "", dict(tables))))
    # Without it they are written whole.
    with suppress(OSError, BenchError), placing(folder / PIECES) as file:
        file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def write(
    frame: pd.DataFrame, prefix: Path, cells: Sequence[str], stamps: Mapping[str, Stamp], old: Written
) -> Written:
    """Write a table as `prefix`.parquet and `prefix`.csv, or leave it as it is where it is the same.

    Args:
        frame: its rows, cell by cell.
        prefix: its place.
        cells: their ids, in that order; some may have no rows.
        stamps: by id, what the file system says of their records, where that tells them from others.
        old: the table that is there.
    """
    paths = [prefix.with_name(f"{prefix.name}{ending}") for ending in (".parquet", ".csv")]
    stays = bool(old.files) and _files(paths) == old.files
    wanted = _wanted(frame, cells, stamps)
    if stays and all(of for of, _ in wanted) and [of for of, _ in wanted] == [piece.of for piece in old.pieces[1:]]:
        return old
    with placing(paths[0]) as file:
        file.write(frame.to_parquet(index=False))
    places: dict[str, tuple[int, int]] = {}
    start = 0
    for piece in old.pieces if stays else ():
        places[piece.of] = start, piece.size
        start += piece.size
    places.pop("", None)
    pieces, row = [], 0
    with placing(paths[1]) as file:
        source = paths[1].open("rb") if places else None
        try:
            head = as_csv(frame.iloc[:0]).encode()
            file.write(head)
            pieces.append(Piece("", len(head)))
            for of, rows in wanted:
                if source is not None and of in places:
                    source.seek(places[of][0])
                    text = source.read(places[of][1])
                else:
                    text = as_csv(frame.iloc[row : row + rows], header=False).encode() if rows else b""
                file.write(text)
                pieces.append(Piece(of, len(text)))
                row += rows
        finally:
            if source is not None:
                source.close()
    return Written(_files(paths), pieces)


def _wanted(frame: pd.DataFrame, cells: Sequence[str], stamps: Mapping[str, Stamp]) -> list[tuple[str, int]]:
    """Return of each piece what it is of, and how many rows it has."""
    codes, names = pd.factorize(frame["cell"])
    counts = dict(zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True))
    found: list[tuple[str, int]] = []
    first = 0
    for last, cell in enumerate(cells, 1):
        if last == len(cells) or int(cell[:8], 16) % _CELLS == 0:
            mine = [(one, stamps.get(one)) for one in cells[first:last]]
            is_told = all(stamp is not None for _, stamp in mine)
            of = hashlib.sha256(repr(mine).encode()).hexdigest()[:32] if is_told else ""
            found.append((of, sum(counts.get(one, 0) for one, _ in mine)))
            first = last
    return found


def _files(paths: Sequence[Path]) -> list[list[int]]:
    """Return what the file system says of files; nothing where one is not there."""
    stamps = [stamped.stamp(path) for path in paths]
    return [] if None in stamps else [list(one) for one in stamps if one is not None]
