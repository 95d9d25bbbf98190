"""Where a grid is: which cell of how many, how long they took, how long the rest will take."""

from collections.abc import Hashable, Mapping, Sequence
from typing import final

from bench.execution.pace import duration
from bench.settings import Cell


@final
class Tally:
    """Counts the cells of one invocation in the order in which they are looked at.

    Args:
        cells: all of them.
        due: by a cell's id whether it is likely to be run, rather than found in the results folder.
        at_once: how many jobs run at the same time.
    """

    def __init__(self, cells: Sequence[Cell], due: Mapping[str, bool], at_once: int = 1) -> None:
        self._total, self._at_once = len(cells), at_once
        self._kinds = {cell.id: _kinds(cell) for cell in cells}
        self._left = {cell.id for cell in cells if due[cell.id]}
        self._seen: set[str] = set()
        self._took: dict[Hashable, tuple[float, int]] = {}

    def place(self, cells: Sequence[Cell]) -> str:
        """Return `[12/96] ` before what is said of a cell, or `[12–14/96] ` of several; nothing where there is one."""
        if self._total == 1:
            return ""
        new = [cell.id for cell in cells if cell.id not in self._seen]
        self._seen.update(new)
        last = len(self._seen)
        first = last - max(len(new), 1) + 1
        which = f"{last}" if first == last else f"{first}–{last}"
        return f"[{which}/{self._total}] "

    def found(self, cell: Cell) -> None:
        """A cell has a result already."""
        self._left.discard(cell.id)

    def ran(self, cells: Sequence[Cell], seconds: float) -> str:
        """Note how long cells took, and return it in words, with what is left."""
        for cell in cells:
            self._left.discard(cell.id)
            for kind in self._kinds[cell.id]:
                total, count = self._took.get(kind, (0.0, 0))
                self._took[kind] = (total + seconds / len(cells), count + 1)
        took = f"took {duration(seconds)}"
        if not self._left:
            return took
        rest = sum(map(self._expected, self._left)) / self._at_once
        return f"{took}; {len(self._left)} of {self._total} cells to go, about {duration(rest)}"

    def _expected(self, cell: str) -> float:
        """Return the mean time of the cells so far that are most like a cell."""
        total, count = next(self._took[kind] for kind in self._kinds[cell] if kind in self._took)
        return total / count


def _kinds(cell: Cell) -> tuple[Hashable, ...]:
    """Return what cells that take as long have in common: task, estimator and K; else the task; else nothing."""
    task = str(cell.task_spec)
    return (task, str(cell.estimator_spec), cell.samples), task, None
