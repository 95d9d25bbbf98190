"""Which cells need not run, since their records are there."""

import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from bench.errors import ResultsError
from bench.execution.checkpoint import continues
from bench.execution.limits import UNLIMITED, Limits
from bench.execution.sources import Maker, Source
from bench.machine.info import software
from bench.results.parameters import QUICKLY, difference
from bench.results.schema import Record
from bench.results.store import Store, beside, read_run
from bench.settings import Cell

Rerun = Literal["failed", "stale", "all"]
"""Which finished cells are run again; a file beside a record that is gone or damaged is a failure, too."""

CONTINUES: Final = "continues from its checkpoint"
"""Why a cell without a record is run, where it was interrupted."""


GOES_ON: Final = "it continues where a limit stopped it"
"""Why a limited cell is run."""


def recall(
    cell: Cell, known: Record | None, store: Store, rerun: Rerun | None, source: Source, limits: Limits = UNLIMITED
) -> tuple[Record | None, str]:
    """Return the record to use instead of running the cell, or None, and why.

    Args:
        cell: which.
        known: its record.
        store: where that is from.
        rerun: which finished cells are run again.
        source: what would make it now.
        limits: that it would be run with.
    """
    if rerun == "all":
        return None, "asked for with --rerun all"
    if known is None:
        goes_on = continues(store.checkpoint_path(cell), Maker.of(source))
        return None, CONTINUES if goes_on else "new"
    then = {known.cell.task: known.task_source, known.cell.estimator: known.estimator_source}
    now = {cell.task: source.task, cell.estimator: source.estimator}
    changed = [name for name in now if then[name] not in (None, now[name])]
    unknown = [name for name in now if then[name] is None and now[name]]
    if changed:
        was, is_now = (" and ".join(sources[name] or "ours" for name in changed) for sources in (then, now))
        return None, f"{' and '.join(changed)} has changed: it was {was}, and is {is_now}"
    if rerun == "stale":
        if unknown:
            return None, f"what {' and '.join(unknown)} was then is not on record"
        if not _same_software(known, store):
            return None, "done by another version of varbench or torch"
    hint = (
        f"; whether {' and '.join(unknown)} has changed since is not on record, and --rerun stale runs it again"
        if unknown
        else ""
    )
    if known.limit is not None:
        if limits.let_go_on(known.limit):
            return None, GOES_ON
        return known, f"limited before ({known.reason}); with a higher --{known.limit.of}-limit it continues{hint}"
    for name, told in beside(known).items():
        path = store.record_path(cell).with_name(name)
        if lacking := difference(path, told, QUICKLY if rerun is None else math.inf):
            lacking = f"its {name} {lacking}"
            # Somebody may have removed it to save room, and no number on record needs it.
            if rerun is None and not os.path.lexists(path):
                hint += f"; {lacking}, and --rerun failed makes it again"
            else:
                return None, lacking
    if known.status != "failed":
        return known, f"{known.status} already, not run again{hint}"
    if rerun == "failed":
        return None, f"failed before ({known.reason})"
    return known, f"failed before ({known.reason}); --rerun failed runs it again"


def _same_software(record: Record, store: Store) -> bool:
    """Return whether a record was made by the versions that are installed now; a record without a note was not."""
    path = store.run_path(record.run)
    try:
        file = path.stat()
    except OSError:
        return False
    return _made(path.absolute(), (file.st_mtime_ns, file.st_ino, file.st_size)) == software()


@lru_cache(maxsize=256)
def _made(path: Path, written: tuple[int, ...]) -> dict[str, str] | None:
    """Return the versions that a run's note names, read once for all of its cells; None where it cannot be read.

    Args:
        path: of the note.
        written: when it was, and as which file: another note of that name is read anew.
    """
    del written
    try:
        made = read_run(path)
    except ResultsError:
        return None
    return None if made is None else {"varbench": made.varbench, "torch": made.torch}
