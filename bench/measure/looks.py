"""When to look at the precision that has been reached: rarely, since each look is a chance to stop too early."""

import math
from typing import Final

from bench.measure.moments import GROUPS

FIRST: Final = 10 * GROUPS
"""Replicates before the first look."""


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
