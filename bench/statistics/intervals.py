"""Standard errors and confidence intervals: the grouped jackknife, the median, products and roots.

Coverage of the 95% intervals is tested in `tests/bench/measure`. For gradients with light tails it is 94–96% from 200
replicates on. Heavy tails (REINFORCE on a quadratic) need more replicates before much is known about the variance: the
interval becomes wide, and covers 91–93% until, at 20 000 replicates, it is 95% as well.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import special
from torch import Tensor

from bench.statistics.quantiles import LEVEL, NORMAL, quantile


@dataclass(frozen=True)
class Interval:
    """An estimate with its standard error and its 95% confidence interval.

    Attributes:
        value: the estimate.
        se: its standard error.
        low: lower end of the interval.
        high: upper end.
        square: of a root, the estimate that it was taken of, which may be negative; None where it is none.
    """

    value: float
    se: float
    low: float
    high: float
    square: float | None = None

    @classmethod
    def exactly(cls, value: float) -> "Interval":
        """Return the interval of what has no error."""
        return cls(value, 0.0, value, value)

    def map_sqrt(self) -> "Interval":
        """Return the interval of √max(0, θ), given that of θ, whose estimate may be negative."""
        value, low, high = (math.sqrt(max(0.0, bound)) for bound in (self.value, self.low, self.high))
        # The standard error of a root is half the interval over the quantile: the delta method fails at zero.
        return Interval(value, (high - low) / (2 * NORMAL), low, high, self.value)

    def scaled(self, factor: float) -> "Interval":
        """Return the interval of θ times a positive factor.

        An upper end that is too small for a float64 is rounded up, so that it does not look exact.
        """
        high = self.high * factor
        square = None if self.square is None else self.square * factor * factor
        rounded = math.ulp(0.0) if high == 0 < self.high else high
        return Interval(self.value * factor, self.se * factor, self.low * factor, rounded, square)

    def reaching(self, bound: float) -> "Interval":
        """Return the interval with an upper end no lower than a bound that θ may have unseen."""
        return replace(self, high=max(self.high, bound))

    def clipped(self, least: float, most: float = math.inf) -> "Interval":
        """Return the interval of a θ that is known to lie in [least, most]."""
        value, low, high = (min(max(bound, least), most) for bound in (self.value, self.low, self.high))
        return Interval(value, self.se, low, high)


EXACTLY_ZERO: Final = Interval.exactly(0.0)


def root_mean_square(z: Tensor) -> float:
    """Return √(mean of z²), whatever the size of z."""
    largest = float(z.abs().max())
    return largest * float((z / largest).square().mean().sqrt()) if largest > 0 else largest


def influences(full: float | Tensor, left_out: Tensor, counts: Tensor) -> Tensor:
    """Return z_j, [G], of which the mean square is the jackknife variance of a statistic.

    These are the centred pseudo-values of Busing, Meijer & van der Leeden (1999, eq. 4-6), which allow groups of
    different sizes, over √(h_j − 1), h_j = n/n_j. The mean of z y is likewise the covariance of two statistics.

    Args:
        full: the statistic on all replicates.
        left_out: the statistic without group j, [G].
        counts: replicates per group, [G].
    """
    h = counts.sum() / counts
    pseudo = h * full - (h - 1) * left_out
    return (pseudo - (pseudo / h).sum()) / (h - 1).sqrt()


def jackknife(full: float, left_out: Tensor, counts: Tensor, *, log: bool = False) -> Interval:
    """Return the delete-a-group jackknife interval of a statistic, corrected for its skewness.

    Where gradients have heavy tails an estimate that is too small comes with a standard error that is too small, and
    the t interval ends below the truth too often (17% of the time for REINFORCE at R = 200, in place of 2.5%). Hall's
    (1992) monotone cubic transformation of t, with the skewness γ of the pseudo-values, restores the balance: the
    bounds are θ̂ − se · (3/a)((1 + a (±t − a/6))^⅓ − 1), a = γ/√G. Without skewness that is the t interval.

    Args:
        full: the statistic on all replicates.
        left_out: the statistic without group j, [G].
        counts: replicates per group, [G].
        log: the statistic is positive; make the interval for its logarithm and map it back.
    """
    if log and full <= 0:
        return EXACTLY_ZERO
    if log and float(left_out.min()) <= 0:
        # All there is comes from one group: there is no logarithm, and the interval reaches down to zero.
        return jackknife(full, left_out, counts).clipped(0.0)
    z = influences(math.log(full), left_out.log(), counts) if log else influences(full, left_out, counts)
    se = root_mean_square(z)
    if se == 0:
        return Interval.exactly(full)
    below, above = hall_quantiles(z)
    if log:
        return Interval(full, full * se, full * math.exp(-above * se), full * _exp(below * se))
    return Interval(full, se, full - above * se, full + below * se)


def positive_mean(sums: Tensor, counts: Tensor) -> Interval:
    """Return the mean of a positive quantity, given the sum of each group of draws, [G], and how many it has, [G]."""
    without = (sums.sum() - sums) / (counts.sum() - counts)
    return jackknife(float(sums.sum() / counts.sum()), without, counts, log=True)


def hall_quantiles(z: Tensor) -> tuple[float, float]:
    """Return how many standard errors an estimate may lie below and above the truth, from its `influences` z [G].

    These are −q(0.025) and q(0.975) of the t statistic, both positive: t where z is symmetric.
    """
    se = root_mean_square(z)
    t = quantile(len(z) - 1)
    if se == 0:
        return t, t
    a = float((z / se).pow(3).mean()) / math.sqrt(len(z))
    return -_hall(-t, a), _hall(t, a)


def _hall(z: float, a: float) -> float:
    """Return the inverse of Hall's transformation t + a t² / 3 + a² t³ / 27 + a / 6."""
    shifted = z - a / 6
    return 3 / a * (math.cbrt(1 + a * shifted) - 1) if abs(a) > 1e-5 else shifted - a * shifted**2 / 3


def median(samples: np.ndarray) -> Interval:
    """Return the median with its order-statistic interval, which assumes nothing of the distribution.

    Between the two pairs of order statistics whose coverages enclose 95%, it interpolates as Hettmansperger & Sheather
    (1986) do. The samples are taken to be independent; there must be at least six.
    """
    ordered = np.sort(samples)
    n = len(ordered)
    below = special.bdtr(np.arange(n), n, 0.5)
    inner = int(np.searchsorted(below, (1 - LEVEL) / 2))
    wide, narrow = (1 - 2 * float(below[rank - 1]) for rank in (inner, inner + 1))
    share = (wide - LEVEL) / (wide - narrow)
    weight = (n - inner) * share / (inner + (n - 2 * inner) * share)
    low = (1 - weight) * ordered[inner - 1] + weight * ordered[inner]
    high = (1 - weight) * ordered[n - inner] + weight * ordered[n - inner - 1]
    return Interval(float(np.median(ordered)), float(high - low) / (2 * NORMAL), float(low), float(high))


def product(first: Interval, second: Interval) -> Interval:
    """Return the interval of the product of two independent positive quantities.

    Distances to the bounds are added in squares on the logarithmic scale (MOVER; Zou & Donner 2008).
    """
    value = first.value * second.value
    if first.value <= 0 or second.value <= 0:
        zero, other = (first, second) if first.value <= 0 else (second, first)
        return Interval(0.0, zero.se * other.value, 0.0, zero.high * other.high if zero.high else 0.0)
    se = value * math.hypot(first.se / first.value, second.se / second.value)
    below = math.hypot(*(_log_ratio(factor.value, factor.low) for factor in (first, second)))
    above = math.hypot(*(_log_ratio(factor.high, factor.value) for factor in (first, second)))
    return Interval(value, se, value * math.exp(-below), value * _exp(above))


def ratio(first: Interval, second: Interval) -> Interval:
    """Return the interval of the ratio of two independent positive quantities, as that of a `product`.

    NaN where the second is zero, as is a time that a clock does not resolve.
    """
    if second.value <= 0:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    low = 1 / second.high
    high = 1 / second.low if second.low > 0 else math.inf
    return product(first, Interval(1 / second.value, second.se / second.value**2, low, high))


def _log_ratio(larger: float, smaller: float) -> float:
    return math.log(larger / smaller) if smaller > 0 else math.inf


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
