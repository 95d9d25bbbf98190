"""Which cells need not run, since their records are there."""

from typing import Literal

from bench.machine.info import machine_info
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell

Rerun = Literal["failed", "stale", "all"]
"""Which finished cells are run again."""


def recall(cell: Cell, known: Record | None, store: Store, rerun: Rerun | None) -> tuple[Record | None, str]:
    """Return the record to use instead of running the cell, or None, and why."""
    if rerun == "all":
        return None, "asked for with --rerun all"
    if known is None:
        return None, "continues from its checkpoint" if store.checkpoint_path(cell).exists() else "new"
    if rerun == "stale" and not _same_software(known, store):
        return None, "done by another version of varbench or torch"
    if known.status != "failed":
        return known, f"{known.status} already, not run again"
    if rerun == "failed":
        return None, f"failed before ({known.reason})"
    return known, f"failed before ({known.reason}); --rerun failed runs it again"


def _same_software(record: Record, store: Store) -> bool:
    """Return whether a record was made by the versions that are installed now; a record without a note was not."""
    now = machine_info()
    made = next((run for run in store.runs(errors="skip") if run.run == record.run), None)
    return made is not None and (made.varbench, made.torch) == (now["varbench"], now["torch"])
