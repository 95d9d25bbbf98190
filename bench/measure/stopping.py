"""When to stop drawing replicates, and when to look at the precision that has been reached."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from bench.measure.moments import GROUPS, Beside, Dealt, Moments, nothing
from bench.measure.replicates import Draws

FIRST: Final = 10 * GROUPS
"""Replicates before the first look."""


@dataclass(frozen=True)
class Stopping:
    """When to stop: at a number of replicates, or at a precision.

    Attributes:
        replicates: this many are drawn, and nothing else counts; or None.
        precision: the relative error to stop at.
        cap: the most replicates to draw for that.
        whole: looks are taken at multiples of this; the last one too, perhaps beyond the cap.
    """

    replicates: int | None
    precision: float
    cap: int
    whole: int = 1

    @property
    def limit(self) -> int:
        """The most replicates that are drawn."""
        # Every group of the jackknife needs two, so that each has a variance of its own.
        return self._rounded(max(self.replicates or self.cap, 2 * GROUPS))

    def fitting(self, chunk: int) -> int:
        """Return how many replicates to draw at once, no more than `chunk`, so that every group gets some."""
        # A small chunk goes to one group as a whole.
        return min(chunk, self.limit // GROUPS) if chunk < 2 * GROUPS else chunk

    def first_look(self, chunk: int) -> int:
        """Return how many replicates to have drawn at the first look."""
        return self.limit if self.replicates is not None else min(self.limit, self._rounded(first_look(chunk)))

    def next_look(self, replicates: int, error: float) -> int:
        """Return how many to have drawn at the next look, given how many there are and their relative error."""
        return min(self.limit, self._rounded(next_look(replicates, error / self.precision)))

    def expected(self, replicates: int, error: float) -> int:
        """Return how many replicates it will come to, given how many there are and their relative error."""
        if self.replicates is not None or not math.isfinite(error):
            return self.limit
        needed = replicates * max(1.0, (error / self.precision) ** 2)
        return min(self.limit, self._rounded(math.ceil(needed)))

    def _rounded(self, replicates: int) -> int:
        return -(-replicates // self.whole) * self.whole


Progress = Callable[[float], None]
"""Told the share that is done."""

Drawn = Iterator[list[Dealt]]
"""How each chunk of gradients was dealt out that has been added to moments."""


def draw_until_precise(
    moments: Moments,
    replicator: Draws,
    x: Tensor,
    chunk: int,
    stopping: Stopping,
    error: Callable[[Moments], float],
    progress: Progress,
    beside: Beside = nothing,
) -> Drawn:
    """Draw replicates into empty `moments` until they are enough; `error` is what is looked at, relative."""
    look = stopping.first_look(chunk)
    # Before the first look it is not known how many it will come to, unless that was asked for.
    expected = look if look == stopping.limit else None
    while True:
        for drawn in draw_until(moments, replicator, x, chunk, look, beside):
            yield drawn
            progress(min(moments.replicates / expected, 1.0) if expected is not None else 0.0)
        if look == stopping.limit or (reached := error(moments)) <= stopping.precision:
            progress(1.0)
            return
        expected, look = stopping.expected(look, reached), stopping.next_look(look, reached)


def draw_until(
    moments: Moments, replicator: Draws, x: Tensor, chunk: int, count: int, beside: Beside = nothing
) -> Drawn:
    """Draw replicates on the batch x into `moments`, `chunk` at once, until there are `count`."""
    while moments.replicates < count:
        gradients = replicator.rows(x, min(chunk, count - moments.replicates))
        yield moments.read(gradients, beside)


def first_look(chunk: int) -> int:
    """Return how many replicates to draw before the first look: at least a chunk for every group."""
    return max(FIRST, GROUPS * chunk if chunk < 2 * GROUPS else 0)


def next_look(replicates: int, excess: float) -> int:
    """Return how many replicates to have drawn at the next look.

    An error shrinks like 1/√R, so that this aims a little beyond the goal. Looking after every chunk would stop at the
    first error that chance makes small, and the interval that is reported then would be too narrow.

    Args:
        replicates: drawn so far.
        excess: the error relative to what it shall be, above one.
    """
    return math.ceil(replicates * min(max(1.05 * excess**2, 1.25), 8.0))
