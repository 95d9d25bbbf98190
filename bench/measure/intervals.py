"""Standard errors and confidence intervals from groups of replicates."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy import stats
from torch import Tensor

LEVEL: Final = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its standard error and its 95% confidence interval."""

    value: float
    se: float
    low: float
    high: float

    def map_sqrt(self) -> "Interval":
        """Return the interval of √max(0, θ), given that of θ, whose estimate may be negative."""
        value, low, high = (math.sqrt(max(0.0, bound)) for bound in (self.value, self.low, self.high))
        # The standard error of a root is half the interval over the quantile: the delta method fails at zero.
        return Interval(value, (high - low) / (2 * quantile(math.inf)), low, high)


EXACTLY_ZERO: Final = Interval(0.0, 0.0, 0.0, 0.0)


def quantile(degrees: float) -> float:
    """Return the two-sided 95% quantile of Student's t with `degrees` degrees of freedom."""
    return float(stats.t.ppf((1 + LEVEL) / 2, degrees))


def jackknife(full: float, left_out: Tensor, counts: Tensor, *, log: bool = False) -> Interval:
    """Return the delete-a-group jackknife interval of a statistic.

    Groups may differ in size: pseudo-values are weighted as in Busing, Meijer & van der Leeden (1999, eq. 4-6).

    Args:
        full: the statistic on all replicates.
        left_out: the statistic without group j, [G].
        counts: replicates per group, [G].
        log: make the interval for the statistic's logarithm (it is positive) and map it back.
    """
    if log and full <= 0:
        return EXACTLY_ZERO
    whole = math.log(full) if log else full
    without = left_out.log() if log else left_out
    h = counts.sum() / counts
    pseudo = h * whole - (h - 1) * without
    centre = float((pseudo / h).sum())
    variance = float(((pseudo - centre) ** 2 / (h - 1)).mean())
    se = math.sqrt(variance)
    half = quantile(len(counts) - 1) * se
    if log:
        return Interval(full, full * se, full * math.exp(-half), full * math.exp(half))
    return Interval(full, se, full - half, full + half)


def squared_norm(differences: Tensor, counts: Tensor, scale: float = 1.0, scale_se: float = 0.0) -> Interval:
    """Return the interval of θ = ‖E a‖² / s from the Gram matrix [G, G] of independent group means a_j.

    The estimate is the U-statistic over pairs of different groups, which is unbiased and may be negative. Its
    variance is 4 ‖E a‖² δ + ε, δ being the variance of the overall mean along E a and ε = 2 tr(Σ²)/(G(G−1)) what is
    left at E a = 0; since it depends on θ itself, the interval is that of Wilson's score test: all θ with
    (U − θ s)² ≤ t² (4 θ s δ + ε + θ² Var s). It is honest at zero, where the delta method is not.
    tr(Σ²) is estimated as for a Wishart matrix, the group means being nearly normal.

    Args:
        differences: Gram matrix of a_j, [G, G].
        counts: replicates per group, [G].
        scale: s, a positive estimate that θ is relative to.
        scale_se: its standard error.
    """
    groups = len(counts)
    weights = counts / counts.sum()
    pairs = float(1 - (weights**2).sum())
    total = float(weights @ differences @ weights)
    own = float((weights**2 * differences.diagonal()).sum())
    u = (total - own) / pairs
    t = quantile(groups - 1)

    degrees = groups - 1
    centre = torch.eye(groups, dtype=torch.float64) - weights
    centred = centre @ differences @ centre.T
    # Weighting by √count makes the groups' means exchangeable: each has covariance Σ times the mean count.
    root = (counts / counts.mean()).sqrt()
    normed = root[:, None] * centred * root
    trace_square = float((normed**2).sum()) / degrees**2 - float(normed.trace()) ** 2 / degrees**3
    trace_square *= degrees**2 / ((degrees - 1) * (degrees + 2))
    epsilon = 2 * max(0.0, trace_square) / (groups * degrees)
    along = root * (centre @ differences @ weights)
    delta = float((along**2).sum()) / degrees / groups / total if total > 0 else 0.0

    a = scale**2 - t**2 * scale_se**2
    b = u * scale + 2 * t**2 * scale * delta
    c = u**2 - t**2 * epsilon
    se = math.sqrt(4 * max(0.0, u) * delta + epsilon + (u / scale * scale_se) ** 2) / scale
    if a <= 0:
        return Interval(u / scale, se, -math.inf, math.inf)
    half = math.sqrt(max(0.0, b * b - a * c))
    return Interval(u / scale, se, (b - half) / a, (b + half) / a)


def median(samples: np.ndarray) -> Interval:
    """Return the median with its order-statistic interval, which assumes nothing of the distribution."""
    ordered = np.sort(samples)
    n = len(ordered)
    low = max(0, int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5)) - 1)
    high = n - 1 - low
    spread = float(ordered[high] - ordered[low])
    return Interval(
        float(np.median(ordered)), spread / (2 * quantile(math.inf)), float(ordered[low]), float(ordered[high])
    )


def product(first: Interval, second: Interval) -> Interval:
    """Return the interval of the product of two independent positive quantities, made for its logarithm."""
    value = first.value * second.value
    if value <= 0:
        return EXACTLY_ZERO
    se = math.hypot(first.se / first.value, second.se / second.value)
    half = quantile(math.inf) * se
    return Interval(value, value * se, value * math.exp(-half), value * math.exp(half))
