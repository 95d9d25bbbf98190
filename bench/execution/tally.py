"""Where a grid is: which cell of how many, how long they took, how long the rest will take."""

from collections import Counter
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
        self._left_of = Counter(kind for cell in self._left for kind in self._kinds[cell])
        self._seen: set[str] = set()
        self._took: dict[Hashable, tuple[float, int]] = {}
        # Of the cells that are left, by kind those of which a narrower kind has been timed; and by kind what the others
        # are expected to take. Both are kept up to date, since to add up all that is left after each is quadratic.
        self._covered: Counter[Hashable] = Counter()
        self._expected: dict[Hashable, float] = {}
        self._rest = 0.0

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
        self._done(cell)

    def ran(self, cells: Sequence[Cell], seconds: float) -> str:
        """Note how long cells took, and return it in words, with what is left."""
        for cell in cells:
            self._done(cell)
            self._time(self._kinds[cell.id], seconds / len(cells))
        took = f"took {duration(seconds)}"
        if not self._left:
            return took
        about = duration(self._rest / self._at_once)
        return f"{took}; {len(self._left)} of {self._total} cells to go, about {about}"

    def _done(self, cell: Cell) -> None:
        """Take a cell out of those that are left, if it is one of them."""
        if cell.id not in self._left:
            return
        self._left.remove(cell.id)
        kinds = self._kinds[cell.id]
        for kind, broader in zip(kinds, (*kinds[1:], None), strict=True):
            self._left_of[kind] -= 1
            if kind in self._took and kind is not None:
                self._covered[broader] -= 1
        self._expect(kinds)

    def _time(self, kinds: tuple[Hashable, ...], seconds: float) -> None:
        """Note how long a cell of these kinds took."""
        for kind, broader in zip(kinds, (*kinds[1:], None), strict=True):
            if kind not in self._took and kind is not None:
                self._covered[broader] += self._left_of[kind]
            total, count = self._took.get(kind, (0.0, 0))
            self._took[kind] = (total + seconds, count + 1)
        self._expect(kinds)

    def _expect(self, kinds: tuple[Hashable, ...]) -> None:
        """Bring up to date what is left: a cell is expected to take the mean of those so far that are most like it."""
        for kind in kinds:
            total, count = self._took.get(kind, (0.0, 1))
            expected = (self._left_of[kind] - self._covered[kind]) * total / count
            self._rest += expected - self._expected.get(kind, 0.0)
            self._expected[kind] = expected


def _kinds(cell: Cell) -> tuple[Hashable, ...]:
    """Return what cells that take as long have in common: task, estimator and K; else the task; else nothing."""
    task = str(cell.task_spec)
    return (task, str(cell.estimator_spec), cell.samples), task, None
