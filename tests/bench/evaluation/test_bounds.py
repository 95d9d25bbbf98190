"""The common evaluator: by parts it gives what it gives at once, and it makes do with the memory that there is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.evaluation import bounds as module
from bench.evaluation.bounds import Bounds, evaluate_bounds, evaluate_expectation
from estimators.base import Evaluation
from estimators.draw import Detached
from tasks.base import Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.regression.polynomial_regression import PolynomialRegression
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic

SAMPLES = 400


def bounds(task: Task, rows: Tensor) -> Bounds:
    return evaluate_bounds(task, rows, SAMPLES, 0, "test", lambda share: None)


@pytest.fixture
def task() -> LinearGaussian:
    torch.manual_seed(0)
    return LinearGaussian(dim=2, n=24)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list of how many pairs were evaluated at once; more than `memory` are too many."""
    sizes: list[int] = []
    run: Callable[..., Evaluation] = module.run_guide

    def limited(task: Task, x: Tensor, draw: Detached) -> Evaluation:
        sizes.append(len(x) * draw.samples)
        if sizes[-1] > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(task, x, draw)

    monkeypatch.setattr(module, "run_guide", limited)
    return sizes


def test_too_little_memory_halves_what_is_evaluated_at_once(task: LinearGaussian, evaluated: list[int]) -> None:
    rows = task.load().test
    by_parts = bounds(task, rows)
    # At first 10 000 pairs are 25 of the datapoints; then memory holds 100, a quarter of one datapoint's samples.
    tried = [size for size in evaluated if size > 100]
    assert tried == sorted(tried, reverse=True)
    assert max(evaluated[len(tried) :]) <= 100
    assert sum(evaluated[len(tried) :]) == len(rows) * SAMPLES
    with torch.no_grad():
        exact = task.exact("elbo", rows, 1)
    assert exact is not None
    # Both standard errors are over datapoints; the draws' own error is far below them.
    assert by_parts.elbo.value == pytest.approx(float(exact.mean()), abs=by_parts.elbo.se)


def test_memory_that_suffices_for_nothing_is_an_error(task: LinearGaussian, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(task: Task, x: Tensor, draw: Detached) -> Evaluation:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "run_guide", none)
    with pytest.raises(torch.OutOfMemoryError):
        bounds(task, task.load().test)


def test_many_samples_of_one_datapoint_are_drawn_by_parts(
    task: LinearGaussian, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound of a datapoint is that of all its samples, not the mean of the parts' bounds."""
    row = task.load().test[:1]
    at_once = bounds(task, row)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 150)
    by_parts = bounds(task, row)
    for name in ("elbo", "log_likelihood"):
        one, other = getattr(at_once, name), getattr(by_parts, name)
        # Independent draws: five standard errors, a false alarm in 10⁶.
        assert abs(one.value - other.value) < 5 * (one.se**2 + other.se**2) ** 0.5
        assert other.se == pytest.approx(one.se, rel=0.5)


def test_an_expectation_makes_do_with_little_memory_too(evaluated: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    task = BernoulliQuadratic()
    with torch.no_grad():
        exact = task.exact("expectation", task.load().train, 1)
    assert exact is not None
    monkeypatch.setattr(BernoulliQuadratic, "exact", lambda *_: None)
    monkeypatch.setattr(module, "_EXPECTATION_SAMPLES", 2000)
    found = evaluate_expectation(task, task.load(), 0)
    assert min(evaluated) <= 100 < max(evaluated)
    assert abs(found.value - float(exact.mean())) < 5 * found.se


@pytest.mark.parametrize("count", [1, 24])
def test_the_mean_over_datapoints_is_the_bound(task: LinearGaussian, count: int) -> None:
    found = bounds(task, task.load().test[:count])
    points = found.points
    assert [len(values) for values in vars(points).values()] == [count] * 4
    assert float(points.elbo.mean()) == found.elbo.value
    assert float(points.log_likelihood.mean()) == found.log_likelihood.value


def test_the_sum_over_rows_that_share_latents_is_the_bound() -> None:
    task = PolynomialRegression()
    found = bounds(task, task.load().test)
    assert len(found.points.elbo) * float(found.points.elbo.mean()) == found.elbo.value
    assert len(found.points.elbo) * float(found.points.log_likelihood.mean()) == found.log_likelihood.value


def test_errors_of_datapoints_are_those_of_repeated_draws(task: LinearGaussian) -> None:
    """Of 200 repeats the standard deviation has an error of 5%; of 24 datapoints the mean ratio, of about 1%."""
    rows = task.load().test
    repeats = [evaluate_bounds(task, rows, 50, seed, "test", lambda share: None).points for seed in range(200)]
    for name in ("elbo", "log_likelihood"):
        spread = torch.stack([getattr(one, name) for one in repeats]).std(0)
        told = torch.stack([getattr(one, f"{name}_se") for one in repeats]).square().mean(0).sqrt()
        # The delta method is of the first order in 1/K: 10% is five times its and the sampling error.
        assert float((told / spread).mean()) == pytest.approx(1, abs=0.1)


def test_a_single_sample_has_no_error(task: LinearGaussian) -> None:
    points = evaluate_bounds(task, task.load().test, 1, 0, "test", lambda share: None).points
    assert bool(points.elbo_se.isnan().all())
    assert bool(points.log_likelihood_se.isnan().all())
    assert torch.equal(points.elbo, points.log_likelihood)
