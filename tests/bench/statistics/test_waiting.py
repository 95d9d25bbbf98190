"""The median of waiting times, of which some have no end.

Coverage is tested on 4000 samples each with fixed seeds, against its exact value, ± 4.4 standard errors: a right
interval fails one of a hundred thousand times.
"""

import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics.waiting import FEWEST, median_wait

SAMPLES = 4000


def level(n: int) -> float:
    """Return how often the interval holds the median, by the binomial law: the tables of Conover (1999)."""
    outside = [rank for rank in range(1, n) if stats.binom.cdf(rank - 1, n, 0.5) <= 0.025]
    return 1 - 2 * float(stats.binom.cdf(max(outside, default=1) - 1, n, 0.5))


@pytest.mark.parametrize(("n", "low", "high", "holds"), [(6, 1, 6, 0.969), (9, 2, 8, 0.961), (10, 2, 9, 0.979)])
def test_the_ends_are_order_statistics(n: int, low: int, high: int, holds: float):
    found = median_wait(np.random.default_rng(0).permutation(np.arange(1.0, n + 1)))
    assert (found.value, found.low, found.high) == ((n + 1) / 2, low, high)
    assert found.level == pytest.approx(holds, abs=5e-4)


@pytest.mark.parametrize("n", [3, 5, 6, 8, 10, 20])
@pytest.mark.parametrize("given_up", [math.inf, 1.5, 0.5], ids=["all end", "some never do", "most never do"])
def test_the_interval_holds_the_median_as_often_as_it_says(n: int, given_up: float):
    """The median of these times is 1; who gives up before that has a median that is infinite."""
    times = np.random.default_rng(n).lognormal(sigma=1.0, size=(SAMPLES, n))
    found = [median_wait(np.where(one <= given_up, one, math.inf)) for one in times]
    truth = 1.0 if given_up > 1 else math.inf
    assert [one.level for one in found] == pytest.approx([level(n)] * SAMPLES)
    if n >= FEWEST:
        assert level(n) >= 0.95
    held = sum(one.low <= truth <= one.high for one in found)
    if math.isfinite(truth):
        assert abs(held - SAMPLES * level(n)) < 4.4 * math.sqrt(SAMPLES * level(n) * (1 - level(n)))
    else:
        # An end that is infinite reaches beyond whatever was waited for.
        assert held > SAMPLES * level(n) - 4.4 * math.sqrt(SAMPLES * level(n) * (1 - level(n)))


def test_what_most_do_not_reach_has_no_median_and_a_lower_end():
    found = median_wait(np.array([5.0, math.inf, 7.0, math.inf, math.inf, math.inf]))
    assert (found.value, found.low, found.high) == (math.inf, 5.0, math.inf)


def test_a_single_time_has_no_interval():
    assert median_wait(np.array([3.0])) == (3.0, 3.0, 3.0, 0.0)
