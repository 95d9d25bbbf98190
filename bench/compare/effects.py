"""How much larger is a metric, how well is that known, and which error is it judged by?

A metric is compared on the scale on which its errors are nearly normal: logarithms for variances and times, as it is
for biases and ELBOs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from bench.measure.moments import GROUPS
from bench.statistics.quantiles import quantile

POWER: Final = 0.8
_DEGREES: Final = GROUPS - 1


@dataclass(frozen=True)
class Reading:
    """One measured value on the scale of its comparison.

    Attributes:
        value: the estimate.
        below: its standard error downwards, as the lower end of its interval has it.
        above: its standard error upwards.
    """

    value: float
    below: float = 0.0
    above: float = 0.0


@dataclass(frozen=True)
class Effect:
    """The difference NEW − BASE of a metric on the scale of its comparison.

    Attributes:
        value: the difference.
        below: the standard error of its lower side; what a rise is tested by.
        above: the standard error of its upper side; what a fall is tested by.
        degrees: degrees of freedom of both.
    """

    value: float
    below: float
    above: float
    degrees: float

    def interval(self) -> tuple[float, float]:
        """Return the 95% interval of the difference."""
        t = quantile(self.degrees)
        return self.value - t * self.below, self.value + t * self.above

    def p_value(self, null: float = 0.0) -> float:
        """Return the two-sided p-value of |difference| ≤ `null`."""
        excess = abs(self.value) - null
        if excess <= 0:
            return 1.0
        error = self.below if self.value > 0 else self.above
        if error == 0 or math.isinf(excess):
            return 0.0
        return min(1.0, float(2 * stats.t.sf(excess / error, self.degrees)))

    def detectable(self, level: float) -> float:
        """Return the size of the change that a test at `level` sees with 80% power.

        The larger error counts: that of a norm at zero, which could not be lower, is zero on that side, and would not
        be after a rise.
        """
        if math.isinf(self.value):
            return math.nan
        t = float(stats.t.isf(level / 2, self.degrees) + stats.t.ppf(POWER, self.degrees))
        return t * max(self.below, self.above)


NONE: Final = Effect(0.0, 0.0, 0.0, math.inf)
"""Two readings that are one and the same."""


def from_errors(base: Sequence[Reading], new: Sequence[Reading]) -> Effect:
    """Return the difference of two means of readings, with the errors that the readings carry.

    The ends of the interval combine as in Zou & Donner (2008, eq. 3): the lower one from BASE's upper and NEW's lower
    error, so that intervals that are not symmetric, those of a bias near zero, are taken as they are.
    """
    value = float(np.mean([r.value for r in new]) - np.mean([r.value for r in base]))
    below, low_degrees = _combine([r.above for r in base], [r.below for r in new])
    above, high_degrees = _combine([r.below for r in base], [r.above for r in new])
    return Effect(value, below, above, min(low_degrees, high_degrees))


def _combine(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return the standard error of a difference of means, and its degrees of freedom (Welch–Satterthwaite)."""
    parts = np.array([*(error / len(first) for error in first), *(error / len(second) for error in second)])
    variance = float((parts**2).sum())
    if variance == 0:
        return 0.0, math.inf
    if math.isinf(variance):
        return math.inf, _DEGREES
    # Shares of the largest, lest the fourth powers underflow.
    shares = (parts / parts.max()) ** 2
    return math.sqrt(variance), _DEGREES * float(shares.sum() ** 2 / (shares**2).sum())


def paired(base: Sequence[float], new: Sequence[float]) -> Effect:
    """Return the mean difference over two or more common seeds, with Student's error between them."""
    differences = np.subtract(new, base)
    se = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    return Effect(float(differences.mean()), se, se, len(differences) - 1)


def unpaired(base: Sequence[float], new: Sequence[float]) -> Effect:
    """Return the difference of the means of two or more seeds on each side, with Welch's error."""
    value = float(np.mean(new) - np.mean(base))
    shares = [float(np.var(side, ddof=1)) / len(side) for side in (base, new)]
    variance = sum(shares)
    if variance == 0:
        return Effect(value, 0.0, 0.0, math.inf)
    weights = [share / variance for share in shares]
    degrees = 1 / sum(w**2 / (len(side) - 1) for w, side in zip(weights, (base, new), strict=True))
    se = math.sqrt(variance)
    return Effect(value, se, se, degrees)
