import math

import numpy as np
import pytest
import torch
from scipy import stats

from bench.measure.norms import squared_norm
from bench.statistics.intervals import Interval
from bench.statistics.quantiles import GROUPS
from bench.statistics.seeds import combined_in_one
from bench.statistics.seen import p_of_zero, would_be_seen


def measured(dimensions: int, count: int, bias: float = 0.0) -> list[Interval]:
    """Return intervals of ‖E a‖ along one of the dimensions, from group means with a standard error of one."""
    generator = torch.Generator().manual_seed(dimensions)
    means = torch.randn(count, GROUPS, dimensions, generator=generator, dtype=torch.float64) * GROUPS**0.5
    means[..., 0] += bias
    return [squared_norm(one @ one.T, torch.ones(GROUPS, dtype=torch.float64)).map_sqrt() for one in means]


def p_values(intervals: list[Interval]) -> np.ndarray:
    return np.array([p_of_zero(one.value, one.low, one.high) for one in intervals])


@pytest.mark.parametrize("dimensions", [1, 10, 100])
def test_a_level_is_kept_where_there_is_no_bias(dimensions: int) -> None:
    """Of 1000 at 5% and at 1%: a binomial count has a probability of 1e-6 to be above its bound."""
    found = p_values(measured(dimensions, 1000))
    for level in (0.05, 0.01):
        assert np.sum(found < level) <= stats.binom.isf(1e-6, 1000, level)


def test_five_percent_is_where_the_interval_ends() -> None:
    for one in measured(2, 300):
        assert (p_of_zero(one.value, one.low, one.high) < 0.05) == (one.low > 0)


@pytest.mark.parametrize("dimensions", [1, 50])
@pytest.mark.parametrize("level", [0.025, 0.0005])
def test_what_would_have_been_seen_is_seen(dimensions: int, level: float) -> None:
    """About four times in five; of 200, less than three in five has a probability of 1e-8 at four in five."""
    without = [would_be_seen(one.value, one.high, level) for one in measured(dimensions, 200)]
    assert np.mean(p_values(measured(dimensions, 200, float(np.median(without)))) < level) > 0.6


def test_a_bias_of_several_seeds_is_seen_by_students_t() -> None:
    """The p-value of the mean of squares is that of scipy's t-test."""
    squares = [1.0, 1.2, 0.9, 1.1]
    rows = [(root, root - 0.1, root + 0.1) for root in np.sqrt(squares)]
    value, low, high = combined_in_one(rows, squares, False)
    _, expected = stats.ttest_1samp(squares, 0.0)
    assert p_of_zero(value, low, high, 4) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "p"),
    [
        ((0.0, 0.0, 1.0), 1.0),
        ((1.0, 1.0, 1.0), 0.0),
        ((0.0, 0.0, 0.0), 1.0),
        ((math.inf, math.nan, math.nan), math.nan),
    ],
)
def test_where_there_is_nothing_to_reckon(said: tuple[float, float, float], p: float) -> None:
    assert p_of_zero(*said) == pytest.approx(p, nan_ok=True)


def test_what_would_be_seen_has_the_unit_of_the_bias() -> None:
    assert would_be_seen(2e-9, 5e-9, 0.01) == pytest.approx(1e-9 * would_be_seen(2.0, 5.0, 0.01))
    assert would_be_seen(0.0, 0.0, 0.01) == 0
    assert would_be_seen(1.0, math.inf, 0.01) == math.inf
