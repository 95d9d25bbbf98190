"""What a run says: results on stdout, what happens on stderr."""

import rich.console

from bench.execution.console import Console
from bench.names.registry import ESTIMATORS, TASKS
from bench.settings import Cell


def output() -> Console:
    """Return what results are printed on, as they are: lines are broken before."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def say(console: rich.console.Console, message: str, style: str = "yellow") -> None:
    """Print a sentence as it is, in one line."""
    console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def title(first: Cell, *others: Cell) -> str:
    """Return what a line calls a cell, or several that differ in their seed alone."""
    seeds = f"{1 + len(others)} seeds in one step" if others else f"seed {first.seed}"
    task, estimator = TASKS.brief(first.task_spec), ESTIMATORS.brief(first.estimator_spec)
    return f"{task} · {estimator} · K={first.samples} · {seeds}"
