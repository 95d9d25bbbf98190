"""Is a bias seen? What the 95% interval of a norm without noise says of zero, at any level.

Such an interval is that of a square, mapped by the root: see `bench.measure.norms` for one cell and
`bench.statistics.seeds` for several seeds. It excludes zero where the square U exceeds what noise alone, of scale √C,
reaches in one of twenty. Its lower end L solves (U − θ)² = A θ + C in θ, which gives √C back where A/√C is known. From
there on other levels are reached as by the square of a Student's t: as though noise had a single direction, the one
with the heaviest tail.
"""

import math
from typing import Final

from scipy.special import stdtr, stdtrit

from bench.statistics.quantiles import GROUPS, NORMAL, quantile

_POWER: Final = 0.84
"""The normal's 80% quantile, in standard errors by which a bias must exceed what counts as seen."""
_SLOPE: Final = 4.0
"""A / √C: 5.2 where noise has a single direction, less where it has more; 4 keeps every level whatever there is."""


def p_of_zero(value: float, low: float, high: float, seeds: int = 1) -> float:
    """Return the p-value of a norm of zero, below 5% where the 95% interval excludes it; NaN where there is none.

    Args:
        value: the estimate of the norm.
        low: lower end of its 95% interval.
        high: upper end.
        seeds: how many it is over.
    """
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return math.nan
    if low <= 0:
        return 1.0
    if low == high:
        return 0.0
    times = value**2 / _scale(value**2, low**2, seeds)
    degrees = _degrees(seeds)
    if seeds > 1:
        return 2 * float(stdtr(degrees, -times * quantile(degrees)))
    return 2 * float(stdtr(degrees, -math.sqrt(1 + times * (quantile(degrees) ** 2 - 1))))


def would_be_seen(value: float, high: float, level: float, seeds: int = 1) -> float:
    """Return the norm that a test at a level would see about four times in five, given what noise reached here.

    Args:
        value: the estimate of the norm.
        high: upper end of its 95% interval.
        level: of the test of a single norm.
        seeds: how many it is over.
    """
    if not high > 0 or math.isinf(high):
        return high
    noise, degrees = high**2 - value**2, _degrees(seeds)
    usual, strict = quantile(degrees), float(-stdtrit(degrees, level / 2))
    times = strict / usual if seeds > 1 else (strict**2 - 1) / (usual**2 - 1)
    # θ − 0.84 s(θ) = times · √C, with √C ≤ noise and s(θ) ≤ (noise / t) √(θ / high²).
    slope = _POWER * noise / (NORMAL * high)
    return (slope + math.sqrt(slope**2 + 4 * times * noise)) / 2


def _degrees(seeds: int) -> int:
    return seeds - 1 if seeds > 1 else GROUPS - 1


def _scale(square: float, low: float, seeds: int) -> float:
    """Return √C of the interval of a square that excludes zero; that over seeds is symmetric, without a slope."""
    half = _SLOPE * low / 2 if seeds == 1 else 0.0
    return (square - low) ** 2 / (half + math.hypot(half, square - low))
