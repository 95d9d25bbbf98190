"""The squared norm of an expectation, from the Gram matrix of independent group means: unbiased, with its interval."""

import math
from dataclasses import dataclass

import torch
from scipy import special
from torch import Tensor

from bench.statistics.intervals import Interval, hall_quantiles, influences, jackknife
from bench.statistics.quantiles import LEVEL


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
        return cls(Interval(value, 0.0, value, value), None)

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
    If E a is exactly zero, the interval can fail on one side only, and covers 94–98%.

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
    c = _at_zero(trace**2 / trace_square, groups) if trace_square > 0 else 0.0
    relative_to = scale or Scale.exactly(1.0)
    s, correlated = relative_to.interval, 0.0
    if relative_to.influences is not None and (spread := float(relative_to.influences.square().mean().sqrt())) > 0:
        correlated = float((along * relative_to.influences).mean()) / spread

    def bound(numerator: float, t: float, distance: float, sign: int) -> float:
        linear = numerator * s.value + 2 * t * (t * s.value * delta - correlated * distance)
        return _root(s.value**2 - distance**2, linear, numerator**2 - max(t, c) ** 2 * epsilon, sign)

    below, above = hall_quantiles(along)
    # A ratio is too large where its denominator is too small, hence the crossed distances.
    low = bound(u, above, s.high - s.value, -1)
    high = bound(max(u, 0.0), below, s.value - s.low, 1)
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


def _at_zero(degrees: float, groups: int) -> float:
    """Return the one-sided 95% critical value of U/√ε where E a = 0 and tr(Σ)²/tr(Σ²) = `degrees`."""
    degrees = max(1.0, degrees)
    return (float(special.fdtri(degrees, degrees * (groups - 1), LEVEL)) - 1) * math.sqrt(degrees / 2)
