"""What a run says: results on stdout, what happens on stderr."""

from collections.abc import Mapping

import rich.console

from bench.execution.console import Console
from bench.names.registry import ESTIMATORS, TASKS
from bench.settings import Cell


def output() -> Console:
    """Return the console for results, which leaves lines as they are: they are broken before."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def say(console: rich.console.Console, message: str, style: str = "yellow") -> None:
    """Print a sentence as it is, in one line."""
    console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def title(first: Cell, *others: Cell, apart: Mapping[str, str] | None = None) -> str:
    """Return what a line calls a cell, or several that differ in their seed alone.

    Args:
        first: of the cells.
        others: that are trained in one step with it.
        apart: by a cell's id, the settings that tell it from others; see `told_apart`.
    """
    seeds = f"{1 + len(others)} seeds in one step" if others else f"seed {first.seed}"
    return f"{named_cell(first, apart)} · {seeds}"


def named_cell(cell: Cell, apart: Mapping[str, str] | None = None) -> str:
    """Return a cell's name in a line, whatever its seed."""
    task, estimator = TASKS.brief(cell.task_spec), ESTIMATORS.brief(cell.estimator_spec)
    settings = (apart or {}).get(cell.id, "")
    return f"{task} · {estimator} · K={cell.samples}{settings}"
