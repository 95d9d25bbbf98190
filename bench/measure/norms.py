"""The squared norm of an expectation, from the Gram matrix of independent group means: unbiased, with its interval."""

import math
from dataclasses import dataclass

import torch
from scipy import special
from torch import Tensor

from bench.statistics.intervals import Interval, hall_quantiles, influences, jackknife, root_mean_square
from bench.statistics.quantiles import LEVEL, quantile


@dataclass(frozen=True)
class Scale:
    """A positive estimate that a squared norm is relative to.

    Attributes:
        interval: the estimate with its interval, which need not be symmetric.
        influences: of the groups of replicates on it, [G], for its covariance with the numerator; None where they have
            none, because it is exact.
    """

    interval: Interval
    influences: Tensor | None

    @classmethod
    def exactly(cls, value: float) -> "Scale":
        """Return a scale without error."""
        return cls(Interval.exactly(value), None)

    @classmethod
    def jackknifed(cls, full: float, left_out: Tensor, counts: Tensor) -> "Scale":
        """Return the scale whose values without each group are known, [G]."""
        return cls(jackknife(full, left_out, counts, log=True), influences(full, left_out, counts))


def pairs(products: Tensor, counts: Tensor) -> tuple[float, Tensor]:
    """Return the unbiased ‖E a‖² from the Gram matrix of group means a_j, and the same without each group, [G].

    It is the U-statistic: the mean of a_i · a_j over pairs of different groups, weighted by n_i n_j.
    """
    own = counts**2 * products.diagonal()
    rows = counts * (products @ counts)
    squares = counts**2
    cross = rows.sum() - own.sum()
    full = cross / (counts.sum() ** 2 - squares.sum())
    left = (cross - 2 * (rows - own)) / ((counts.sum() - counts) ** 2 - (squares.sum() - squares))
    return float(full), left


def squared_norm(products: Tensor, counts: Tensor, scale: Scale | None = None) -> Interval:
    """Return the interval of θ = ‖E a‖² / s from the Gram matrix [G, G] of independent group means a_j.

    The estimate U of ‖E a‖² is that of `pairs`, unbiased and perhaps negative. Its variance is 4 ‖E a‖² δ + ε, δ
    being the variance of the overall mean along E a, and ε = 2 tr(Σ²) G/(G − 1) what is left at E a = 0, Σ being the
    covariance of the overall mean. Since it depends on θ, the interval is that of Wilson's score test: all θ with

        (U − θ s)² ≤ 4 θ s t² δ − 4 θ ρ t d √(δ U) + θ² d² + c² ε.

    It is honest at zero, where the delta method is not. The error of s enters by the distance d from s to the bound of
    its own interval on the side in question (MOVER; Donner & Zou 2012), since it is skewed, and by its correlation ρ
    with the overall mean along E a. t is Hall's quantile on that side.

    At θ = 0, U is distributed like χ²_ν/ν − 1 with ν = (tr Σ)²/tr(Σ²) (Satterthwaite; Box 1954), which for small ν is
    more skewed than t: c is the larger of t and the 95% quantile of F on ν and ν (G − 1) degrees, in the same units. A
    negative U is no evidence for a smaller upper bound than U = 0 gives, so the upper bound is never below that one.
    If E a is exactly zero, the interval can fail on one side only, and covers 94–98%; for that, the quantile of the
    lower bound allows for heavy tails (`_for_skewness`).

    Args:
        products: Gram matrix of a_j, [G, G].
        counts: replicates per group, [G].
        scale: s, positive; one unless given.
    """
    groups = len(counts)
    u, _ = pairs(products, counts)
    weights = counts / counts.sum()
    centre = torch.eye(groups, dtype=torch.float64) - weights
    # Over √(h_j − 1) each centred group mean has the covariance Σ of the overall mean.
    root = (weights / (1 - weights)).sqrt()
    centred = root[:, None] * (centre @ products @ centre.T) * root
    along = root * (centre @ products @ weights)
    size = float(weights @ products @ weights)
    delta = float(along.square().mean()) / size if size > 0 else 0.0
    trace, trace_square = float(centred.diagonal().mean()), _trace_square(centred)
    epsilon = 2 * trace_square * groups / (groups - 1)
    below, above = hall_quantiles(along)
    c, c_skewed = 0.0, 0.0
    if trace_square > 0:
        degrees = trace**2 / trace_square
        c = _at_zero(degrees, groups)
        c_skewed = _at_zero(degrees, groups, _for_skewness(above / quantile(groups - 1), float(counts.mean())))
    relative_to = scale or Scale.exactly(1.0)
    s, correlated = relative_to.interval, 0.0
    if relative_to.influences is not None and (spread := root_mean_square(relative_to.influences)) > 0:
        correlated = float((along * relative_to.influences).mean()) / spread

    def bound(numerator: float, t: float, at_zero: float, distance: float, sign: int) -> float:
        linear = numerator * s.value + 2 * t * (t * s.value * delta - correlated * distance)
        return _root(s.value**2 - distance**2, linear, numerator**2 - max(t, at_zero) ** 2 * epsilon, sign)

    # A ratio is too large where its denominator is too small, hence the crossed distances.
    # A U far below zero is rejected at θ = 0 as well, where the tails are heavy; it is no evidence for a larger θ.
    low = bound(u, above, c_skewed, s.high - s.value, -1) if u > 0 else 0.0
    high = bound(max(u, 0.0), below, c, s.value - s.low, 1)
    ratio = u / s.value
    variance = 4 * max(0.0, ratio) * (s.value * delta - correlated * s.se) + epsilon + (ratio * s.se) ** 2
    return Interval(ratio, math.sqrt(max(0.0, variance)) / s.value, max(0.0, low), high)


def _root(a: float, b: float, c: float, sign: int) -> float:
    """Return the lower (−1) or upper (+1) end of {θ ≥ 0: a θ² − 2 b θ + c ≤ 0}."""
    if sign < 0 and c <= 0:
        return 0.0
    if sign > 0 and a <= 0:
        return math.inf
    half = math.sqrt(max(0.0, b * b - a * c))
    # Of the two forms of a root, the one without a difference of nearly equal numbers.
    if sign > 0 or b < 0:
        return (b + sign * half) / a
    return c / (b + half)


def _trace_square(centred: Tensor) -> float:
    """Return tr(Σ²) from the scaled, centred Gram matrix: unbiased whatever the distribution.

    Only inner products of different groups enter, U-centred as in Székely & Rizzo (2014, eq. 3.2); the squared ones
    of a group with itself would bring in its kurtosis.
    """
    g = len(centred)
    off = centred * ((g - 1) / g)
    off = off - off.diagonal().diag()
    rows = off.sum(1) / (g - 2)
    kernel = off - rows[:, None] - rows + off.sum() / ((g - 1) * (g - 2))
    kernel = kernel - kernel.diagonal().diag()
    return float(kernel.square().sum()) / (g * (g - 3))


def _at_zero(degrees: float, groups: int, factor: float = 1.0) -> float:
    """Return the one-sided 95% critical value of U/√ε where E a = 0 and tr(Σ)²/tr(Σ²) = `degrees`.

    The quantile of F, of which that is made, is taken times a factor.
    """
    degrees = max(1.0, degrees)
    return (factor * float(special.fdtri(degrees, degrees * (groups - 1), LEVEL)) - 1) * math.sqrt(degrees / 2)


def _for_skewness(longer: float, replicates: float) -> float:
    """Return the factor on the quantile of F for gradients with heavy tails.

    In one dimension F is t², and Hall's correction of t for skewness the square of what it lengthens t by. Where a
    group mean is over few replicates it does not show all of a heavy tail; the additional power is fitted to that.
    Intervals that begin above zero without a bias, of 10 000 (±0.2%), at R replicates; in brackets without the factor:

        R                          40           100          200          1000
        Gaussian                   3.7 (5.0)    3.8 (5.0)    4.0 (5.2)    4.5 (5.2)%
        Gaussian, P = 10           2.8 (3.9)    2.8 (3.8)    3.5 (4.4)    3.2 (4.1)%
        REINFORCE, (z − 3)², μ     1.9 (8.4)    2.8 (6.5)    3.5 (5.8)    4.5 (5.6)%
        REINFORCE, (z − 3)², σ     4.8 (16.8)   3.0 (10.4)   3.9 (9.2)    4.4 (6.4)%
        both                       1.9 (13.4)   2.4 (9.1)    3.7 (8.5)    4.4 (6.3)%
        log-normal, σ = 1          3.1 (9.1)    3.9 (7.9)    4.2 (6.8)    4.6 (5.9)%
        log-normal, σ = 1.5        3.8 (15.4)   5.1 (12.9)   5.5 (10.7)   5.4 (7.8)%

    Args:
        longer: Hall's quantile over Student's, of the mean along E a.
        replicates: of a group mean.
    """
    return max(1.0, longer) ** (2 + 6 / math.sqrt(replicates))
