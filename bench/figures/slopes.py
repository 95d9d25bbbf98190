"""Power laws: value ∝ K^slope, by weighted least squares on logarithms."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bench.statistics.quantiles import NORMAL, quantile

FEWEST: Final = 4
"""Points that a slope needs: with three, Student's interval on one degree of freedom is 12.7 standard errors wide."""


class Slope(NamedTuple):
    """A fitted exponent with its 95% interval, and the value at K = 1."""

    slope: float
    low: float
    high: float
    at_one: float


def fit(
    samples: ArrayLike, values: ArrayLike, lows: ArrayLike, highs: ArrayLike, *, fewest: int = FEWEST
) -> Slope | None:
    """Return the slope of log value against log K; None with fewer than `fewest` points that differ from zero.

    Points whose interval reaches zero have no logarithm to speak of, and are left out. Each point weighs by its
    interval, whose log-width is 2 × 1.96 standard errors; where the points scatter more than that, the interval of the
    slope grows with them, and has Student's quantile for n − 2 degrees of freedom.
    """
    table = np.array([samples, values, lows, highs], dtype=float)
    table = table[:, np.isfinite(table).all(0) & (table[2] > 0)]
    if len(np.unique(table[0])) < fewest:
        return None
    x, y = np.log(table[0]), np.log(table[1])
    error = (np.log(table[3]) - np.log(table[2])) / (2 * NORMAL)
    # A value known exactly would take all the weight; a thousandth is finer than any slope here needs.
    weight = 1 / np.maximum(error, 1e-3) ** 2
    centre_x, centre_y = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float(np.sum(weight * (x - centre_x) ** 2))
    slope = float(np.sum(weight * (x - centre_x) * (y - centre_y))) / spread
    degrees = len(x) - 2
    scatter = float(np.sum(weight * (y - centre_y - slope * (x - centre_x)) ** 2)) / degrees
    half = quantile(degrees) * math.sqrt(max(scatter, 1.0) / spread)
    return Slope(slope, slope - half, slope + half, math.exp(centre_y - slope * centre_x))
