"""Whether the tables of a large results folder are those of its records, so that nothing needs to be written.

`tables/exported` has a digest of what the file system says of records, notes and tables, and of the code that makes
tables; then the digest of each record that was so new that a change might not show there. It is written after the
tables. Whatever it is that differs, they are made anew.
"""

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.names.registry import ESTIMATORS
from bench.results import cache, stamped
from bench.results.atomic import placing
from bench.results.leftovers import TABLES
from bench.results.stamped import Stamp
from bench.results.store import RECORD, Store

EXPORTED: Final = "exported"


@dataclass(frozen=True)
class Before:
    """The files that tables are made of, as they were before they were read.

    Attributes:
        stamps: of records and notes, by their paths.
        new: digests of the files that are so new that a change might not show in their stamps, by their paths.
    """

    stamps: dict[Path, Stamp | None]
    new: dict[Path, str]


def before(store: Store) -> Before | None:
    """Look at the files that tables are made of; None where these are so few that it does not matter."""
    now = time.time_ns()
    records = [folder / RECORD for folder in store.cell_folders()]
    if len(records) < stamped.LARGE:
        return None
    stamps = {path: stamped.stamp(path) for path in (*records, *store.run_paths())}
    new = {path: _digest(path) for path, one in stamps.items() if one is not None and not one.is_settled(now)}
    return Before(stamps, new)


def is_exported(store: Store, of: Before, tables: Sequence[Path]) -> bool:
    """Return whether the tables, at these paths, are already those of these files."""
    try:
        first, *lines = (store.folder / TABLES / EXPORTED).read_text().splitlines()
    except (OSError, ValueError):
        return False
    if first != _signature(store, of, tables, lines):
        return False
    checked = (line.partition(" ") for line in lines)
    return all(_digest(store.folder / name) == digest for digest, _, name in checked)


def told_apart(of: Before) -> dict[str, Stamp]:
    """Return by a cell's id what the file system says of its record, where a change would show there."""
    of_id: dict[str, list[tuple[Path, Stamp | None]]] = {}
    for path, one in of.stamps.items():
        if path.name == RECORD:
            of_id.setdefault(path.parent.name.rpartition("-")[2], []).append((path, one))
    return {
        cell: one
        for cell, found in of_id.items()
        for path, one in found
        if len(found) == 1 and one is not None and path not in of.new
    }


def note(store: Store, of: Before, tables: Sequence[Path]) -> None:
    """Note that the tables are those of these files; the caller holds the lock of the tables."""
    lines = [f"{digest} {path.relative_to(store.folder)}" for path, digest in of.new.items()]
    text = "\n".join([_signature(store, of, tables, lines), *lines, ""])
    # Without it they are written once more than needed.
    with suppress(OSError, BenchError), placing(store.folder / TABLES / EXPORTED) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def _signature(store: Store, of: Before, tables: Sequence[Path], lines: Sequence[str]) -> str:
    known = (
        cache.code_digest(),
        # Rows are in the order of estimators, of which a plug-in may bring some.
        ESTIMATORS.names(),
        [(str(path.relative_to(store.folder)), one) for path, one in of.stamps.items()],
        [(path.name, stamped.stamp(path)) for path in tables],
        list(lines),
    )
    return hashlib.sha256(repr(known).encode("utf-8", "backslashreplace")).hexdigest()


def _digest(path: Path) -> str:
    """Return the digest of a file; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
