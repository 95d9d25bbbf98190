import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.intervals import Interval, hall_quantiles, jackknife, median, product, ratio
from bench.statistics.quantiles import quantile
from tests.bench.measure import laws


def test_jackknife_of_a_mean_is_its_t_interval():
    values = torch.cat([torch.linspace(-1, 1, 20, dtype=torch.float64)])
    n = len(values)
    left_out = (values.sum() - values) / (n - 1)
    interval = jackknife(float(values.mean()), left_out, torch.ones(n, dtype=torch.float64))
    expected = stats.t.interval(0.95, n - 1, float(values.mean()), stats.sem(values.numpy()))
    assert (interval.low, interval.high) == pytest.approx(expected)
    assert interval.se == pytest.approx(stats.sem(values.numpy()))


def test_unequal_groups_weigh_by_their_size():
    """Groups of very different size, each the mean of so many values: the error is that of the pooled mean."""
    generator = torch.Generator().manual_seed(0)
    counts = torch.tensor([1.0, 5.0, 20.0, 50.0] * 5, dtype=torch.float64)
    covered = 0
    for _ in range(1000):
        means = torch.randn(20, generator=generator, dtype=torch.float64) / counts.sqrt()
        total = (counts * means).sum()
        interval = jackknife(float(total / counts.sum()), (total - counts * means) / (counts.sum() - counts), counts)
        covered += interval.low <= 0 <= interval.high
    assert laws.covers(covered, 1000)


@given(st.floats(0.5, 3), st.floats(-0.9, 0.9))
def test_hall_inverts_its_transformation(spread: float, tilt: float):
    z = spread * (torch.linspace(-1, 1, 20, dtype=torch.float64) + tilt * torch.linspace(-1, 1, 20).double() ** 2)
    a = float((z / z.square().mean().sqrt()).pow(3).mean()) / math.sqrt(20)
    t = quantile(19)
    below, above = hall_quantiles(z)
    for q, expected in ((-below, -t), (above, t)):
        assert q + a * q**2 / 3 + a**2 * q**3 / 27 + a / 6 == pytest.approx(expected, abs=1e-4)


def test_hall_without_skewness_is_t():
    assert hall_quantiles(torch.tensor([-1.0, 1.0] * 10)) == pytest.approx((quantile(19), quantile(19)))


def test_degenerate_statistics():
    ones = torch.ones(20, dtype=torch.float64)
    assert jackknife(3.0, 3 * ones, ones) == Interval(3.0, 0.0, 3.0, 3.0)
    assert jackknife(0.0, 0 * ones, ones, log=True) == Interval(0.0, 0.0, 0.0, 0.0)
    # All the variance from one group: without it there is none.
    left_out = ones.clone()
    left_out[0] = 0
    interval = jackknife(0.9, left_out, ones, log=True)
    assert interval.low == 0.0
    assert math.isfinite(interval.high)
    assert interval.high > 0.9


@pytest.mark.parametrize("n", [21, 22, 50, 333])
def test_median_covers_for_a_skewed_distribution(n: int):
    generator = np.random.default_rng(n)
    found = [median(generator.exponential(size=n)) for _ in range(2000)]
    assert laws.covers(sum(i.low <= math.log(2) <= i.high for i in found), 2000)
    assert all(i.low <= i.value <= i.high for i in found)


def test_product_covers():
    generator = np.random.default_rng(0)
    counts = torch.ones(20, dtype=torch.float64)
    covered = 0
    for _ in range(1000):
        factors = []
        for scale in (0.05, 0.3):
            values = torch.from_numpy(np.exp(scale * generator.standard_normal(20)))
            left = (values.sum() - values) / 19
            factors.append(jackknife(float(values.mean()), left, counts, log=True))
        interval = product(*factors)
        covered += interval.low <= math.exp((0.05**2 + 0.3**2) / 2) <= interval.high
    assert laws.covers(covered, 1000)


def test_ratio_covers():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(1000):
        parts = [median(np.exp(scale * generator.standard_normal(50))) for scale in (0.05, 0.3)]
        interval = ratio(*parts)
        covered += interval.low <= 1 <= interval.high
    assert laws.covers(covered, 1000)


def test_ratio_to_what_no_clock_resolves_is_unknown():
    assert math.isnan(ratio(Interval(1.0, 0.1, 0.8, 1.2), Interval(0.0, 0.0, 0.0, 0.0)).value)
    assert ratio(Interval(1.0, 0.1, 0.8, 1.2), Interval(1.0, 0.1, 0.0, 1.2)).high == math.inf


def test_product_with_nothing_is_zero():
    assert product(Interval(0.0, 0.0, 0.0, 0.0), Interval(1.0, 0.1, 0.8, 1.2)).high == 0.0


def test_root_of_an_interval_around_zero():
    interval = Interval(-1.0, 1.0, 0.0, 4.0).map_sqrt()
    assert (interval.value, interval.low, interval.high) == (0.0, 0.0, 2.0)
    assert interval.se == pytest.approx(2 / (2 * 1.95996), rel=1e-4)
