"""How long one waits for what does not happen in every trial: the median, and what order statistics say of it."""

from typing import Final, NamedTuple

import numpy as np
from scipy.special import bdtr

from bench.statistics.quantiles import LEVEL

FEWEST: Final = 6
"""Trials from which on there is an interval of the median: of five, even the whole range holds it in 94% only."""


class Waited(NamedTuple):
    """The median of waiting times, infinite where less than half of the trials came to an end.

    Attributes:
        value: the median.
        low: lower end of its interval.
        high: upper end; infinite where too few came to an end to tell.
        level: how often such intervals hold the median of all that may happen, at least.
    """

    value: float
    low: float
    high: float
    level: float


def median_wait(times: np.ndarray) -> Waited:
    """Return the median of independent waiting times, with the interval between two of their order statistics.

    It assumes nothing of their distribution: of n times as many lie below the median as heads fall in n tosses of a
    coin. The interval is the shortest between x₍ᵣ₎ and x₍ₙ₊₁₋ᵣ₎ that holds the median in 95% or more; with fewer than
    six times it is their range, whose `level` is less, and zero of a single one. What is infinite has a place in the
    order as any time has, so that nothing has to be assumed of trials that did not come to an end, if all waited for
    equally long, or for longer than the others took.

    Args:
        times: one of each trial, at least one; infinite where what was waited for did not happen.

    >>> import numpy as np
    >>> median_wait(np.array([3.0, 1.0, 2.0]))
    Waited(value=2.0, low=1.0, high=3.0, level=0.75)
    """
    ordered = np.sort(times)
    n = len(ordered)
    # How often fewer than so many lie below the median.
    below = bdtr(np.arange(n), n, 0.5)
    rank = max(1, int(np.searchsorted(below, (1 - LEVEL) / 2, side="right")))
    level = max(0.0, 1 - 2 * float(below[rank - 1]))
    return Waited(float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[n - rank]), level)
