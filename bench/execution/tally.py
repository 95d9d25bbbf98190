"""Where a grid is: which cell of how many, how long they took, how long the rest will take."""

from collections.abc import Mapping, Sequence
from typing import final

from bench.execution.pace import duration
from bench.settings import Cell


@final
class Tally:
    """Counts the cells of one invocation in the order in which they are looked at.

    Args:
        cells: all of them.
        due: by a cell's id whether it is likely to be run, rather than found in the results folder.
    """

    def __init__(self, cells: Sequence[Cell], due: Mapping[str, bool]) -> None:
        self._total = len(cells)
        self._left = {cell.id: cell for cell in cells if due[cell.id]}
        self._seen: set[str] = set()
        self._seconds: list[tuple[Cell, float]] = []

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
        self._left.pop(cell.id, None)

    def ran(self, cells: Sequence[Cell], seconds: float) -> str:
        """Note how long cells took, and return it in words, with what is left."""
        for cell in cells:
            self._left.pop(cell.id, None)
            self._seconds.append((cell, seconds / len(cells)))
        took = f"took {duration(seconds)}"
        if not self._left:
            return took
        rest = sum(self._expected(cell) for cell in self._left.values())
        return f"{took}; {len(self._left)} of {self._total} cells to go, about {duration(rest)}"

    def _expected(self, cell: Cell) -> float:
        """Return the mean time of the cells so far that are most like a cell: of its estimator and K, else its task."""
        kinds = (lambda c: (c.task_spec, c.estimator_spec, c.samples), lambda c: c.task_spec, lambda _: None)
        for kind in kinds:
            alike = [seconds for other, seconds in self._seconds if kind(other) == kind(cell)]
            if alike:
                return sum(alike) / len(alike)
        raise ValueError("no cell has been run")
