"""The mean gradient, coordinate by coordinate: closed forms, coverage, and no other number is moved by it."""

import math

import pytest
import torch

from bench.measure import measure as module
from bench.measure.means import LIMIT, mean_gradient, true_gradient
from bench.measure.measure import Measured, measure
from bench.measure.moments import Moments
from bench.measure.point import Point
from bench.measure.reference import Reference, References, exact_reference
from bench.measure.stopping import Stopping
from estimators.base import Estimator
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.measure import laws
from tests.bench.measure.laws import Law
from tests.timed import TIMED

SIMULATIONS = 1000


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "means"))
    monkeypatch.setattr("bench.measure.cost._SECONDS", 0.0)


def found(task: GaussianQuadratic, estimator: Estimator, replicates: int = 400) -> Measured:
    x = task.load().train
    reference = exact_reference(task, "expectation", x, 1)
    identity = (str(task.arguments), type(estimator).__name__)
    point = Point(task, estimator, 1, x, (), identity)
    return measure(point, References(reference, None), Stopping(replicates, 0.05, 1), 0)


def test_the_mean_is_that_of_the_closed_form() -> None:
    """∇ E (x − 3)² under N(1, 1) is (−4, 2); five standard errors."""
    measured = found(GaussianQuadratic(), Reparam())
    assert list(measured.means) == list(measured.truths) == ["guide.loc[0]", "guide.scale[0]"]
    for interval, truth, exact in zip(measured.means.values(), (-4.0, 2.0), measured.truths.values(), strict=True):
        assert abs(interval.value - truth) < 5 * interval.se
        assert interval.low < interval.value < interval.high
        assert (exact.value, exact.se, exact.low) == (pytest.approx(truth), 0.0, exact.high)
    assert measured.reference_replicates == 0


def test_the_limit_is_of_all_coordinates() -> None:
    assert len(found(GaussianQuadratic(dim=LIMIT // 2), Reparam(), 40).means) == LIMIT
    assert found(GaussianQuadratic(dim=LIMIT // 2 + 1), Reparam(), 40).means == {}


def test_no_other_number_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    with_means = found(GaussianQuadratic(), Reinforce())
    monkeypatch.setattr(module, "LIMIT", 0)
    without = found(GaussianQuadratic(), Reinforce())
    assert (without.means, without.truths) == ({}, {})
    times = set(TIMED)
    for group, metrics in without.metrics.items():
        assert {n: with_means.metrics[group][n] for n in metrics if n not in times} == {
            name: interval for name, interval in metrics.items() if name not in times
        }


@pytest.mark.parametrize("law", [laws.GAUSSIAN_1, laws.PATHWISE], ids=["1", "pathwise"])
def test_intervals_cover(law: Law) -> None:
    """As in `test_coverage`: each fails by chance with probability 10⁻⁵."""
    moments = laws.simulate(law, 200, SIMULATIONS, 11)
    size = len(law.mean)
    for of in (mean_gradient(moments), true_gradient(Reference(moments.mean, moments.counts, ""))):
        for place, truth in enumerate(law.mean.tolist()):
            covered = sum(one.low <= truth <= one.high for one in of[place::size])
            assert laws.covers(covered, SIMULATIONS)


def test_errors_are_those_of_a_mean_of_any_size() -> None:
    """A mean of 10¹² standard deviations, and one of 10⁻²⁰⁰, as of deviations from it: each is that of s/√R."""
    generator = torch.Generator().manual_seed(3)
    moments = Moments(2, torch.float64, torch.device("cpu"))
    noise = torch.randn(4000, 2, generator=generator, dtype=torch.float64)
    moments.update(noise * torch.tensor([1e-6, 1e-200]) + torch.tensor([1e6, 0.0]))
    for interval, sd in zip(mean_gradient(moments), (1e-6, 1e-200), strict=True):
        # Of 20 groups, the standard error is known to 16%.
        assert interval.se * math.sqrt(4000) == pytest.approx(sd, rel=0.5)


def test_an_event_that_was_not_seen_may_have_moved_it_anywhere() -> None:
    moments = Moments(2, torch.float64, torch.device("cpu"))
    moments.update(torch.ones(40, 2, dtype=torch.float64))
    known, unknown = mean_gradient(moments, [slice(1, 2)])
    assert (known.value, known.low, known.high) == (1.0, 1.0, 1.0)
    assert (unknown.value, unknown.low, unknown.high) == (1.0, -math.inf, math.inf)
