import math

import pytest
import torch

from bench.measure import point
from bench.measure.moments import Moments
from bench.measure.point import Point
from bench.measure.reference import Reference, exact_reference, monte_carlo_reference, relative_error
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import parse_spec
from estimators.pathwise.reparam import Reparam
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.measure import laws

TASK = GaussianQuadratic()
X = TASK.load().train
ALL = slice(0, 2)


@pytest.fixture
def reparam(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Point:
    """Return an unbiased estimator, drawn in chunks of the test's parameter."""
    monkeypatch.setattr(point, "chunk_size", lambda *_, **__: request.param)
    return Point(TASK, Reparam(), 1, X)


def test_exact_gradient_in_float64():
    reference = exact_reference(TASK.float(), "expectation", X.float(), 1)
    TASK.double()
    assert reference is not None
    # d/dμ and d/dσ of (μ − 3)² + σ² at (1, 1).
    torch.testing.assert_close(reference.mean, torch.tensor([-4.0, 2.0], dtype=torch.float64))
    size = reference.squared_norm(ALL).interval
    assert (size.value, size.se, size.low, size.high) == (pytest.approx(20), 0, pytest.approx(20), pytest.approx(20))
    assert reference.label == "exact"


def test_no_exact_gradient_is_none():
    assert exact_reference(TASK, "evidence", X, 1) is None


def test_exact_reference_leaves_the_task_alone():
    task = LinearGaussian(dim=2)
    exact_reference(task, "elbo", task.load().train[:4], 1)
    assert all(parameter.grad is None for parameter in task.parameters())


@pytest.mark.parametrize("reparam", [1, 16, 1000], indirect=True)
def test_monte_carlo_reference_reaches_its_precision(reparam: Point):
    """The norm's error follows χ²₂ times its standard error: above four of them with probability e⁻⁸."""
    reference = monte_carlo_reference(reparam, "reparam", 0.03, 50_000, seed=0)
    assert reference.counts is not None
    assert float(reference.counts.min()) >= 1
    error = (reference.mean - torch.tensor([-4.0, 2.0], dtype=torch.float64)).norm() / math.sqrt(20)
    assert error < 4 * 0.03
    assert reference.label.startswith("reparam (Monte Carlo, ±")
    assert 28 / 20 / 0.03**2 / 2 < float(reference.counts.sum()) < 8 * 28 / 20 / 0.03**2


@pytest.mark.parametrize("reparam", [100], indirect=True)
def test_the_cap_holds_and_the_label_says_what_was_reached(reparam: Point):
    reference = monte_carlo_reference(reparam, "reparam", 1e-4, 400, seed=0)
    assert reference.counts is not None
    assert float(reference.counts.sum()) == 400
    percent = float(reference.label.split("±")[1].rstrip("%)"))
    # √(28/400)/√20 is 5.9%, with the error of a standard error from 20 groups.
    assert 3 < percent < 9


@pytest.mark.parametrize(("reparam", "drawn"), [(64, 448), (39, 780), (1000, 1000)], indirect=["reparam"])
def test_whole_chunks_are_drawn_and_one_for_each_group(reparam: Point, drawn: int):
    reference = monte_carlo_reference(reparam, "reparam", 1e-4, 400, seed=0)
    assert reference.counts is not None
    assert float(reference.counts.sum()) == drawn


@pytest.mark.parametrize("reparam", [100], indirect=True)
def test_the_surrounding_random_stream_is_left_alone(reparam: Point):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    monte_carlo_reference(reparam, "reparam", 0.1, 400, seed=0)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_squared_norm_is_unbiased():
    """The mean over 500 references has a standard error of about 0.02; the plain squared norm is 0.5 too large."""
    law = laws.gaussian(50)
    moments = laws.simulate(law, 100, 500, 0)
    reference = Reference(moments.mean, moments.counts, "")
    values = [reference.squared_norm(laws.where(law, i)).interval.value for i in range(500)]
    assert sum(values) / 500 == pytest.approx(50 * 0.3**2, abs=0.1)


def test_relative_error_of_noise_is_not_finite_or_large():
    moments = Moments(50, torch.float64, torch.device("cpu"))
    moments.update(torch.randn(200, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert relative_error(moments, slice(0, 50)) > 1


@pytest.mark.parametrize("name", TASKS.names())
def test_what_stands_in_for_an_exact_gradient_is_unbiased(name: str):
    """L_K is exact for a few K at most, so that every task with an ELBO names an estimator of L_K."""
    task = TASKS.load(name)
    assert task.target == "expectation" or "iwae" in task.references
    for target, spec in task.references.items():
        estimator = ESTIMATORS.build(parse_spec(spec))
        assert target in estimator.targets
        assert estimator.unbiased
        assert estimator.minimum_samples == 1
