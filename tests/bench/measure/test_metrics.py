import math

import numpy as np
import pytest
import torch

from bench.measure.cosines import Cosines
from bench.measure.metrics import coordinate_snr, gradient_metrics, nested_variances
from bench.measure.moments import GROUPS, Moments
from bench.measure.norms import Scale, pairs, squared_norm
from bench.measure.reference import Reference
from bench.measure.rows import Whole
from tests.bench.measure import laws
from tests.bench.measure.laws import Law

CPU = torch.device("cpu")
BOTH = slice(0, 2)


def constant(value: torch.Tensor, dtype: torch.dtype = torch.float64) -> Moments:
    moments = Moments(len(value), dtype, CPU)
    for _ in range(5):
        moments.update(value.to(dtype).expand(60, -1))
    return moments


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_exact_gradient(dtype: torch.dtype):
    value = torch.tensor([1 / 3, 0.0], dtype=dtype)
    metrics = gradient_metrics(constant(value, dtype), BOTH, Reference(value[None].double(), None, ""))
    for name in ("variance", "variance_mean", "bias", "relative_bias", "mse"):
        assert (metrics[name].value, metrics[name].high) == (pytest.approx(0, abs=1e-30), pytest.approx(0, abs=1e-30))
    assert metrics["snr"].value == math.inf
    assert "snr_mean" not in metrics


def test_rounding_is_no_variance():
    value = torch.tensor([1 / 3, 2.0], dtype=torch.float64)
    moments = Moments(2, torch.float64, CPU)
    noise = torch.finfo(torch.float64).eps * torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    moments.update(value * (1 + noise.double()))
    metrics = gradient_metrics(moments, BOTH, None)
    assert metrics["variance"].value == 0
    assert metrics["snr"].value == math.inf


def test_an_exact_gradient_that_is_wrong_has_a_bias_without_error():
    value = torch.tensor([1.0, 0.0], dtype=torch.float64)
    reference = Reference(torch.tensor([[1.0, 2.0]], dtype=torch.float64), None, "")
    metrics = gradient_metrics(constant(value), BOTH, reference)
    assert (metrics["bias"].low, metrics["bias"].high) == pytest.approx((2.0, 2.0))
    assert metrics["mse"].value == pytest.approx(4.0)
    assert metrics["relative_bias"].value == pytest.approx(2 / math.sqrt(5))


def test_a_gradient_of_zero():
    zero = torch.zeros(2, dtype=torch.float64)
    reference = Reference(zero[None], None, "")
    metrics = gradient_metrics(constant(zero), BOTH, reference)
    assert set(metrics) == {"variance", "variance_mean", "bias", "mse"}
    assert all(math.isfinite(metric.high) for metric in metrics.values())
    cosines = Cosines(reference, {"all": BOTH})
    cosines.close(Moments(2, torch.float64, CPU).read(Whole(zero.expand(40, -1)), cosines.read))
    assert cosines.interval("all", torch.full((GROUPS,), 2.0, dtype=torch.float64)) is None


def test_one_rare_event():
    """One replicate of 400 differs: everything that is known comes from one group."""
    data = torch.zeros(400, 2, dtype=torch.float64)
    data[123, 0] = 1.0
    moments = Moments(2, torch.float64, CPU)
    moments.update(data)
    metrics = gradient_metrics(moments, BOTH, Reference(torch.ones(1, 2, dtype=torch.float64), None, ""))
    assert metrics["variance"].value == pytest.approx(float(data.var(0).sum()))
    assert all(not math.isnan(bound) for m in metrics.values() for bound in (m.value, m.se, m.low, m.high))


def test_bias_to_a_noisy_reference_of_unknown_size():
    """Nothing is known of a ratio to a norm that may be zero: the interval is open above, or nearly so."""
    counts = torch.full((GROUPS,), 10.0, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    products = torch.randn(GROUPS, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(GROUPS, 3, generator=generator, dtype=torch.float64)
    size, without = pairs(noise @ noise.T, counts)
    scale = Scale.jackknifed(abs(size) + 1e-3, without.abs() + 1e-3, counts)
    interval = squared_norm(products @ products.T, counts, scale)
    assert interval.low == 0
    assert interval.high > 100


SLICES = {"all": slice(0, 2), "first": slice(0, 1)}


def cosine(law: Law, replicates: int, generator: torch.Generator, *, monte_carlo: bool):
    reference = Reference(law.mean[None], None, "")
    if monte_carlo:
        other = Moments(2, torch.float64, CPU)
        other.update(law.draw((replicates, 1), generator)[:, 0])
        reference = Reference(other.mean, other.counts, "")
    moments, cosines = Moments(2, torch.float64, CPU), Cosines(reference, SLICES)
    for count in (replicates // 2, 1, 7, replicates // 2 - 8):
        draws = law.draw((count, 1), generator)[:, 0]
        cosines.close(moments.read(Whole(draws), cosines.read))
    return cosines.interval("all", moments.counts), cosines.interval("first", moments.counts)


@pytest.mark.parametrize("monte_carlo", [False, True], ids=["exact", "monte-carlo"])
def test_cosine_covers(monte_carlo: bool):
    """The truth is a mean over four million draws, whose standard error is a 50th of the intervals' width."""
    law = laws.PATHWISE
    draws = law.draw((4_000_000, 1), torch.Generator().manual_seed(0))[:, 0]
    truth = float((draws @ law.mean / draws.norm(dim=1)).mean() / law.mean.norm())
    first = float((draws[:, 0] * law.mean[0]).sign().mean())
    generator = torch.Generator().manual_seed(1)
    found = [cosine(law, 1000, generator, monte_carlo=monte_carlo) for _ in range(1000)]
    assert laws.covers(sum(i.low <= truth <= i.high for i, _ in found if i), 1000)
    assert laws.covers(sum(i.low <= first <= i.high for _, i in found if i), 1000)


def test_cosine_is_not_shrunk_by_a_noisy_reference():
    """The mean over 20 measurements has a standard error of 0.004; with noise in g*, it would be 0.82 times itself.

    Gradients are 1 ± 1 in 200 coordinates, so that cos ≈ √½; the reference's mean has a noise of half its squared norm.
    """
    law, generator, values = laws.gaussian(200, mean=1.0), torch.Generator().manual_seed(0), []
    for _ in range(20):
        groups = 1 + math.sqrt(0.5 * GROUPS) * torch.randn(GROUPS, 200, generator=generator, dtype=torch.float64)
        cosines = Cosines(Reference(groups, torch.full((GROUPS,), 2.0).double(), ""), {"all": slice(0, 200)})
        moments, draws = Moments(200, torch.float64, CPU), law.draw((400, 1), generator)[:, 0]
        cosines.close(moments.read(Whole(draws), cosines.read))
        interval = cosines.interval("all", moments.counts)
        assert interval is not None
        values.append(interval.value)
    assert np.mean(values) == pytest.approx(math.sqrt(0.5), abs=0.02)


def test_coordinate_snr_covers_its_expectation_and_has_the_known_floor():
    law = laws.gaussian(50, mean=0.3)
    moments = laws.simulate(law, 500, 1000, 0)
    found = [coordinate_snr(moments, laws.where(law, i)) for i in range(1000)]
    # E |ḡ|/s for a noncentral t; at 6.7 standard errors the absolute value changes nothing.
    expectation = 0.3 * (1 + 3 / (4 * 499))
    assert laws.covers(sum(i.low <= expectation <= i.high for i in found), 1000)
    null = laws.gaussian(50, mean=0.0)
    moments = laws.simulate(null, 500, 100, 1)
    floor = np.mean([coordinate_snr(moments, laws.where(null, i)).value for i in range(100)])
    # 5000 folded normals: the standard error of their mean is 0.85% of it.
    assert floor == pytest.approx(math.sqrt(2 / (math.pi * 500)), rel=0.04)


@pytest.mark.parametrize("between", [0.0, 0.5, 2.0])
def test_nested_variances_cover(between: float):
    """64 batches of 4 draws in 10 coordinates; no part due to the batch is at the edge of what is possible."""
    generator, covered = torch.Generator().manual_seed(int(10 * between)), {"sampling": 0, "minibatch": 0}
    for _ in range(1000):
        centres = math.sqrt(between) * torch.randn(64, 1, 10, generator=generator, dtype=torch.float64)
        draws = centres + torch.randn(64, 4, 10, generator=generator, dtype=torch.float64)
        parts = nested_variances(draws.var(1).sum(1).sqrt(), draws.mean(1), 4)
        for name, truth in (("sampling", 10.0), ("minibatch", 10 * between)):
            interval = parts[f"variance_{name}"]
            covered[name] += interval.low <= truth <= interval.high
    assert laws.covers(covered["sampling"], 1000)
    assert laws.covers(covered["minibatch"], 1000, most=0.97 if between else 1.0)
