"""All records of a results folder as columns, with the help of its cache where the folder is large."""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock, Timeout

from bench.results import cache, stamped
from bench.results.cache import Cache, Damaged, Kept
from bench.results.leftovers import LOCK, TABLES
from bench.results.parts import ROWS, Part, chosen, empty, joined, parts_of
from bench.results.schema import Record
from bench.results.stamped import Stamp
from bench.results.store import RECORD, Store, Unreadable, below_results, each_record

_STALE: Final = 1 / 50
"""The share of a folder's records that are not in the cache, or no longer there, above which it is written anew."""


@dataclass(frozen=True)
class Found:
    """The records of a results folder, or of a part of it.

    Attributes:
        part: these records, and others.
        rows: by the folder of a cell, in the order of their names, the number of its record in `part`.
        stamps: by the folders of cells whose record the cache is to hold, the file that was read; none where the
            cache is as good as a new one.
    """

    part: Part
    rows: dict[Path, int]
    stamps: dict[Path, Stamp]


def found(store: Store, below: Path | None, unreadable: Unreadable, only: Collection[str] = tuple(ROWS)) -> Found:
    """Return the records of a folder; what cannot be read is for `unreadable` to judge.

    Args:
        store: the folder.
        below: a part of it.
        unreadable: is told of each record that cannot be read, in the order of the folders' names.
        only: the tables whose rows are wanted; of others there may be none.
    """
    folders = store.cell_folders(below)
    if len(folders) < stamped.LARGE:
        parts, read = _read(folders, unreadable)
        return Found(joined([empty(), *parts]), {folder: row for row, (folder, _) in enumerate(read)}, {})
    # From before the files are looked at: a change while they are read is later than that.
    now = time.time_ns()
    stamps = {folder: known for folder in folders if (known := stamped.stamp(folder / RECORD)) is not None}
    settled = [folder for folder, known in stamps.items() if known.is_settled(now)]
    with cache.opened(store.folder) as kept:
        rows = {} if kept is None else _fresh(kept, stamps)
        gone = 0 if kept is None else len(kept.stamps) - len(rows)
        is_due = below is None and max(sum(one not in rows for one in settled), gone) > _STALE * len(folders)
        known = _part(kept, ROWS if is_due else only)
    if known is None:
        is_due, known, rows = below is None, empty(), {}
    parts, read = _read([folder for folder in folders if folder not in rows], unreadable)
    rows.update((folder, known.cells.num_rows + place) for place, (folder, _) in enumerate(read))
    left_out = {folder for folder, is_plain in read if not is_plain}
    to_keep = {one: stamps[one] for one in settled if one in rows and one not in left_out} if is_due else {}
    return Found(joined([known, *parts]), {one: rows[one] for one in folders if one in rows}, to_keep)


def keep(store: Store, of: Found) -> None:
    """Write the cache anew where that is due; the caller holds the lock of the tables."""
    if of.stamps:
        part = chosen(of.part, np.array([of.rows[folder] for folder in of.stamps]))
        names = [below_results(folder) for folder in of.stamps]
        cache.write(store.folder, Kept(part, names, list(of.stamps.values())))


def keep_if_possible(store: Store, of: Found) -> None:
    """Write the cache as `keep` does, unless another process writes it or the tables, or the folder takes nothing."""
    if not of.stamps:
        return
    tables = store.folder / TABLES
    with suppress(OSError, Timeout):
        tables.mkdir(exist_ok=True)
        with FileLock(tables / LOCK, timeout=0):
            keep(store, of)


def _fresh(kept: Cache, stamps: dict[Path, Stamp]) -> dict[Path, int]:
    """Return by the folder of a cell the row of its record, where the file is the one that was read."""
    rows = {}
    for folder, now in stamps.items():
        row, then = kept.stamps.get(below_results(folder), (0, None))
        if then == now:
            rows[folder] = row
    return rows


def _part(kept: Cache | None, only: Collection[str]) -> Part | None:
    with suppress(Damaged):
        return None if kept is None else kept.part(only)
    return None


def _read(folders: Iterable[Path], unreadable: Unreadable) -> tuple[list[Part], list[tuple[Path, bool]]]:
    """Return records as columns, and of each its cell's folder and whether its columns tell all that it says."""
    read: list[tuple[Path, bool]] = []

    def records() -> Iterator[Record]:
        for folder, record in each_record(folders, unreadable):
            read.append((folder, _is_plain(record)))
            yield record

    return [*parts_of(records())], read


def _is_plain(record: Record) -> bool:
    """Return whether no text has a stray byte, which a column spells out."""
    try:
        "".join((record.run, record.started, record.reason or "")).encode()
    except UnicodeEncodeError:
        return False
    return True
