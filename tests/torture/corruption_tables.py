"""The tables of a damaged folder, as they can be compared with those of the whole one."""

import csv
import io
from typing import Any, Final

from tests.timed import TIMED
from tests.torture.corruption_folder import RESULTS

Rows = dict[str, list[tuple[str, ...]]]
"""By cell, the rows of a table."""

_TIMED: Final = {"run", "started", "seconds", "seconds_per_step", "notes"}
"""Columns that another run changes; notes say that a file was set aside."""
_TIMED_METRICS: Final = set(TIMED)


def rows_of(text: str) -> Rows:
    """Return the rows of a table by cell."""
    found: Rows = {}
    for row in csv.DictReader(io.StringIO(text)):
        found.setdefault(row["cell"], []).append(tuple(row.values()))
    return found


def tables() -> dict[str, dict[str, Any]]:
    """Return the tables of the results folder by cell, without what another run changes, and each cell's chunk."""
    from bench.results.tables import load

    results = load(RESULTS)
    found: dict[str, dict[str, Any]] = {"chunk": {}}
    for what in ("gradients", "training", "final"):
        frame = getattr(results, what)
        found[what] = {}
        for row in frame.astype(str).to_dict("records"):
            if row.get("metric") not in _TIMED_METRICS:
                kept = [value for name, value in row.items() if name not in _TIMED]
                found[what].setdefault(row["cell"], []).append(kept)
            if what == "final":
                found["chunk"][row["cell"]] = row["chunk"]
    return found
