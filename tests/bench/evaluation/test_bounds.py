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
