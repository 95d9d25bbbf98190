"""What a plan would run, and why, and for about how long: nothing is run, and nothing written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import BenchError
from bench.execution.checkpoint import steps_taken
from bench.execution.estimate import Times
from bench.execution.limits import UNLIMITED, Limits
from bench.execution.messages import named_cell, output
from bench.execution.pace import duration
from bench.execution.plan import Plan
from bench.execution.recall import CONTINUES, GOES_ON, Rerun, recall
from bench.execution.sources import Source, sources_of
from bench.names.spec import spanned
from bench.results.apart import told_apart
from bench.results.store import Store
from bench.settings import Cell


@dataclass(frozen=True)
class Fate:
    """What would become of a cell.

    Attributes:
        cell: which.
        word: whether it would be run.
        why: or why not.
        taken: training steps that are done.
    """

    cell: Cell
    word: Literal["run", "skip"]
    why: str
    taken: int = 0


def fates(plan: Plan, out: Path, rerun: Rerun | None, limits: Limits = UNLIMITED) -> Iterator[Fate]:
    """Give what would become of each cell of a plan; for arguments see `print_dry_run`."""
    store, sources = Store(out), sources_of(plan.cells)
    return (_fate(cell, store, rerun, sources, limits) for cell in plan.cells)


def print_dry_run(plan: Plan, out: Path, rerun: Rerun | None, limits: Limits = UNLIMITED, at_once: int = 1) -> None:
    """Print a line per configuration and reason: whether its cells would run, and why; then how many, and how long.

    Args:
        plan: what is asked for.
        out: the results folder.
        rerun: which finished cells would be run again.
        limits: of each cell.
        at_once: how many cells would run at a time.
    """
    console, apart = output(), told_apart(plan.cells)
    alike: dict[tuple[str, str, str], list[Cell]] = {}
    due: dict[str, tuple[Cell, int]] = {}
    for fate in fates(plan, out, rerun, limits):
        alike.setdefault((fate.cell.configuration, fate.word, fate.why), []).append(fate.cell)
        if fate.word == "run":
            due[fate.cell.id] = fate.cell, fate.taken
    for (_, word, why), cells in alike.items():
        seeds = spanned(cell.seed for cell in cells)
        count = f"{len(cells)} cells: " if len(cells) > 1 else ""
        seed = "seeds" if len(cells) > 1 else "seed"
        console.print(f"{word:<4}  {named_cell(cells[0], apart)} · {seed} {seeds}  ({count}{why})")
    console.print(f"{len(due)} of {len(plan.cells)} cells would run into {out}/")
    for line in _time([*due.values()], Store(out), at_once):
        console.print(line)


def _fate(cell: Cell, store: Store, rerun: Rerun | None, sources: Mapping[str, Source], limits: Limits) -> Fate:
    try:
        known = store.read(cell)
    except BenchError as error:
        return Fate(cell, "run", str(error))
    found, why = recall(cell, known, store, rerun, sources[cell.id], limits)
    if why not in (CONTINUES, GOES_ON):
        return Fate(cell, "run" if found is None else "skip", why)
    taken = steps_taken(store.checkpoint_path(cell))
    how = "interrupted" if why == CONTINUES else "limited"
    return Fate(cell, "run", f"{how} at step {taken}, where it continues", taken)


def _time(due: Sequence[tuple[Cell, int]], store: Store, at_once: int) -> Iterator[str]:
    """Give a line about how long cells, of which some steps are taken, will take, where that can be told of some."""
    if not due:
        return
    times = Times(store, [cell for cell, _ in due])
    known = [seconds for cell, taken in due if (seconds := times.expected(cell, taken)) is not None]
    lacking = len(due) - len(known)
    if known:
        of = f" for {len(known)} of them" if lacking else ""
        beside = f" with {at_once} at a time" if at_once > 1 else ""
        # However many there are at a time, the longest takes as long as it does.
        seconds = max(sum(known) / at_once, *known)
        yield f"about {duration(seconds)}{of}{beside}, judging by such cells on this hardware"
    if lacking:
        yield f"no estimate for {lacking} cell{'s' if lacking > 1 else ''}, since nothing similar was run here"
