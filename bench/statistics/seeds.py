"""What several seeds say together: the mean of a metric with its 95% interval."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.quantiles import quantiles


class Combined(NamedTuple):
    """Estimates of groups of seeds, an array each: of a single seed its own, of several their mean.

    Attributes:
        value: the estimates.
        low: lower ends of their 95% intervals.
        high: upper ends.
        seeds: how many seeds there are.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: np.ndarray


def mean_over_seeds(values: Sequence[float], is_positive: bool = False) -> tuple[float, float, float]:
    """Return the mean over two or more independent seeds, and Student's 95% interval; see `ends`.

    >>> from bench.tables import mean_over_seeds
    >>> mean, low, high = mean_over_seeds([1.0, 2.0, 3.0])
    >>> f"{mean} [{low:.2f}, {high:.2f}]"
    '2.0 [-0.48, 4.48]'
    """
    given = np.asarray(values, float)
    unit = _units(np.zeros(len(given), int), np.abs(given))
    with np.errstate(invalid="ignore"):  # a diverged seed's infinity makes the interval NaN
        mean, deviation = np.mean(given / unit), np.std(given / unit, ddof=1)
    low, high = ends(mean, half_width(deviation, len(given)), is_positive)
    mean, low, high = (float(one * unit[0]) for one in (mean, low, high))
    return mean, low, high


def half_width(deviation: ArrayLike, seeds: ArrayLike) -> np.ndarray:
    """Return half of Student's 95% interval of the mean over two or more seeds with this standard deviation."""
    return quantiles(np.subtract(seeds, 1)) * deviation / np.sqrt(seeds)


def ends(mean: ArrayLike, half: ArrayLike, is_positive: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals of means with these half-widths.

    That of a positive quantity is mean · exp(± half / mean), Student's on the logarithm by the delta method. With few
    seeds mean − half is often below zero, and the seeds' values are skewed: of three log-normal ones with σ = 1, mean ±
    half holds the truth 84% of the time, and this 92%.
    """
    mean, half = np.asarray(mean, float), np.asarray(half, float)
    on_logarithm = np.asarray(is_positive) & (mean > 0)
    with np.errstate(invalid="ignore", over="ignore"):  # the infinity of a diverged seed
        factor = np.exp(half / np.where(on_logarithm, mean, 1.0))
        low, high = mean - half, mean + half
        return np.where(on_logarithm, mean / factor, low), np.where(on_logarithm, mean * factor, high)


def combined(groups: np.ndarray, estimates: np.ndarray, squares: np.ndarray, is_positive: ArrayLike) -> Combined:
    """Return the estimate of each group of seeds.

    Where the squares of all its seeds are known, a group's estimate is the root of their mean. A norm without noise is
    the root of an unbiased square, which is negative about as often as not where there is nothing but noise; the mean
    of the roots, in which those are zero, does not fall to zero however many seeds there are.

    Args:
        groups: which group an estimate belongs to, [N], from 0 without gaps.
        estimates: values and the ends of their intervals, [N, 3].
        squares: unbiased estimates of the values' squares, [N], NaN where there are none.
        is_positive: whether a group is of a positive metric, [G] or for all.
    """
    units = _units(groups, np.abs(estimates).max(1))
    estimates = estimates / units[groups, None]
    value, low, high = estimates.T
    # The square of a small number may be too small for a float64 where the number is not.
    with np.errstate(over="ignore"):
        squares = np.where((squares == 0) & (value > 0), value**2, squares / units[groups] / units[groups])
    seeds = np.bincount(groups)
    # A diverged seed's infinity makes the interval NaN; what is nearly as large has an infinite square.
    with np.errstate(invalid="ignore", over="ignore"):
        own = np.stack([_means(groups, column) for column in estimates.T])
        mean, half = _student(groups, value)
        lower, upper = ends(mean, half, is_positive)
        # Estimates that are cut at zero may agree on it without knowing it: they keep their own upper ends.
        together = np.stack([mean, lower, np.where((mean == 0) & (half == 0), own[2], upper)])
        square, half = _student(groups, squares)
        # Nor do squares that agree by chance make their mean better known than the seeds' own upper ends do.
        reach = np.square(high) - np.clip(squares, 0, None)
        within = np.sqrt(_means(groups, np.square(reach)) / seeds)
        upper = np.maximum(square + half, np.clip(square, 0, None) + within)
        rooted = np.sqrt(np.clip(np.stack([square, square - half, upper]), 0, None))
        found, lower, upper = np.where(seeds > 1, np.where(np.isnan(square), together, rooted), own)
        # Seeds that agree know no more than each does: how large it may be, or that it is infinite.
        lower = np.where((own[2] == np.inf) & np.isfinite(own[1]), own[1], lower)
        infinite = np.bincount(groups, weights=low == np.inf) == seeds
        lower = np.where(infinite, np.inf, lower)
        upper = np.where(infinite | ((own[2] == np.inf) & np.isfinite(found)), np.inf, upper)
    return Combined(found * units, lower * units, upper * units, seeds)


def combined_in_one(
    estimates: ArrayLike, squares: Sequence[float | None], is_positive: bool
) -> tuple[float, float, float]:
    """Return value, low and high of what is `combined` from the seeds of a single group, estimates [N, 3]."""
    one_group = np.zeros(len(squares), int)
    found = combined(one_group, np.asarray(estimates, float), np.array(squares, float), is_positive)
    return float(found.value[0]), float(found.low[0]), float(found.high[0])


def _units(groups: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return a power of two of the order of the largest size in each group, [G]; see `bench.measure.units`."""
    largest = np.zeros(groups.max(initial=-1) + 1)
    np.maximum.at(largest, groups, np.where(np.isfinite(sizes), sizes, 0.0))
    return np.ldexp(1.0, np.clip(np.frexp(largest)[1], -1000, 1000))


def _means(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.bincount(groups, weights=values) / np.bincount(groups)


def _student(groups: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each group and half of Student's 95% interval; infinite for a single value."""
    mean, seeds = _means(groups, values), np.bincount(groups)
    others = np.maximum(seeds - 1, 1)
    deviation = np.sqrt(np.bincount(groups, weights=np.square(values - mean[groups])) / others)
    return mean, np.where(seeds > 1, half_width(deviation, others + 1), np.inf)
