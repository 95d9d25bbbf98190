"""How an invocation ends for cells without a result: in one sentence, with their exit code, and with where to look."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.errors import CellBusy, CellsFailed, CellsLimited
from bench.execution.measured import in_words, unmeasured_steps
from bench.execution.messages import title
from bench.names.commands import with_out
from bench.results.apart import told_apart
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell

_MOST_LINES: Final = 5


def require_results(cells: Sequence[Cell], records: Sequence[Record], out: Path, of: str = "") -> None:
    """End a command of whose cells some failed, were limited, or were being run by another process.

    Args:
        cells: what was asked for.
        records: what came of it.
        out: the results folder.
        of: what the cells are of, as ` of lecture-evidence`.

    Raises:
        CellsFailed: some failed, or lack moments that they were asked for; the message names them, their reasons and
            their tracebacks.
        CellsLimited: none failed, and some reached a limit; the message names them.
        CellBusy: some have no record.
    """
    failed = [record for record in records if record.status == "failed"]
    if failed:
        raise _failure(failed, cells, out, of)
    if cut_short := [record for record in records if unmeasured_steps(record)]:
        raise CellsFailed("\n".join(_lacking(cut_short, cells, of)))
    if limited := [record for record in records if record.status == "limited"]:
        raise CellsLimited("\n".join(_limits(limited, cells, of)))
    busy = len(cells) - len(records)
    if busy:
        raise CellBusy(
            f"{busy} of {len(cells)} cells{of} are being run by another process; the same command without `--no-wait` "
            "waits for it and prints the tables"
        )


def _lacking(records: Sequence[Record], cells: Sequence[Cell], of: str) -> Iterator[str]:
    """Give the lines about cells that were not measured wherever they were to be."""
    apart = told_apart(cells)
    yield f"{len(records)} of {len(cells)} cells{of} could not be measured at all steps asked for:"
    for record in records[:_MOST_LINES]:
        at = in_words(unmeasured_steps(record))
        said = next((note for note in record.notes if note.startswith(f"nothing was measured at {at}")), None)
        yield f"  {title(record.cell, apart=apart)}: {said or f'nothing was measured at {at}: {record.reason}'}"
    if len(records) > _MOST_LINES:
        yield f"  and {len(records) - _MOST_LINES} more"


def _limits(limited: Sequence[Record], cells: Sequence[Cell], of: str) -> Iterator[str]:
    """Give the lines about cells that a limit has kept from their ends."""
    apart = told_apart(cells)
    yield f"{len(limited)} of {len(cells)} cells{of} reached a limit:"
    for record in limited[:_MOST_LINES]:
        yield f"  {title(record.cell, apart=apart)}: {record.reason}"
    if len(limited) > _MOST_LINES:
        yield f"  and {len(limited) - _MOST_LINES} more"
    yield "their results so far are recorded, and the same command with a higher limit, or without one, continues "
    "from there"


def _failure(failed: Sequence[Record], cells: Sequence[Cell], out: Path, of: str) -> CellsFailed:
    apart = told_apart(cells)
    store, shown = Store(out), failed[:_MOST_LINES]
    logs = {record.cell.id: store.traceback_path(record.cell) for record in shown}
    lines = [f"{len(failed)} of {len(cells)} cells{of} failed:"]
    for record in shown:
        lines.append(f"  {title(record.cell, apart=apart)}: {record.reason}")
        log = logs[record.cell.id]
        lines += [f"    {log} has the traceback"] if log.is_file() else []
    lines += [f"  and {len(failed) - len(shown)} more"] if len(failed) > len(shown) else []
    status = with_out("bench status", out)
    lines.append(f"`{status}` lists them, and the same command with `--rerun failed` runs them again")
    return CellsFailed("\n".join(lines), _texts(logs.values()))


def _texts(logs: Iterable[Path]) -> list[str]:
    """Return what tracebacks say, of those that are there and are files."""
    return [log.read_text(encoding="utf-8", errors="replace") for log in logs if log.is_file()]
