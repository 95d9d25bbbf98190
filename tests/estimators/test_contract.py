"""What every registered estimator promises: its texts, its state, and that it batches."""

import copy
import importlib

import pytest
import torch
from torch import Tensor

import estimators
from estimators.base import Estimator, Unfit
from tasks.base import Task
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tests.estimators.exactness import linear_gaussian
from tests.estimators.tiny import Bits
from tests.gradients import replicate

LOOPS = {"sumo"}
"""Estimators that cannot be batched by vmap; each says why."""


def build(name: str) -> Estimator:
    module, _, attribute = estimators.INDEX[name][0].partition(":")
    return getattr(importlib.import_module(module), attribute)()


def fitting_task(estimator: Estimator, samples: int) -> Task:
    """Return a task that the estimator fits, prepared for it."""
    for task in (linear_gaussian(2), Bits(), BernoulliQuadratic(dim=3)):
        x = task.load().train
        try:
            estimator.require(task, x, samples)
        except Unfit:
            continue
        estimator.prepare(task, x[:1])
        return task
    raise AssertionError("fits neither a Gaussian guide nor binary ones of one and two sites")


def prepared(name: str) -> tuple[Estimator, Task, int]:
    """Return an estimator in float64, a task that it fits, and K."""
    estimator = build(name)
    samples = max(4, estimator.minimum_samples)
    task = fitting_task(estimator, samples)
    return estimator.double(), task, samples


@pytest.mark.parametrize("name", estimators.INDEX)
def test_says_what_it_is(name: str):
    cls = type(build(name))
    assert cls.formula
    assert any(character.isdigit() for character in cls.paper) or "lecture" in cls.paper
    text = cls.__doc__ or ""
    assert "Bias" in text or "bias" in text
    for word in ("Requirements:", "Cost:"):
        assert word in text, f"{name}: {word}"
    assert len(estimators.INDEX[name][1]) <= 80


@pytest.mark.parametrize("name", estimators.INDEX)
def test_state_survives_a_copy_and_a_checkpoint(name: str):
    estimator, task, samples = prepared(name)
    x = task.load().train
    with torch.no_grad():
        for _ in range(2):
            estimator.observe(estimator(task, x, samples))
    again = build(name)
    again.prepare(task, x[:1])
    again.double().load_state_dict(estimator.state_dict())
    found = []
    for one in (estimator, copy.deepcopy(estimator), again):
        torch.manual_seed(3)
        found.append(_gradient(one, task, x, samples))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])
    assert found[0].isfinite().all()
    assert found[0].abs().max() > 0


@pytest.mark.parametrize("name", estimators.INDEX)
def test_no_gradient_leaks_into_or_out_of_learned_parts(name: str):
    estimator, task, samples = prepared(name)
    estimate = estimator(task, task.load().train, samples)
    assert not estimate.objective.requires_grad
    own = [parameter for parameter in estimator.parameters() if parameter.requires_grad]
    if not own:
        assert estimate.auxiliary is None
        return
    assert estimate.auxiliary is not None
    for value, parameters in ((estimate.surrogate.sum(), own), (estimate.auxiliary, list(task.parameters()))):
        leaked = torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True)
        assert all(gradient is None for gradient in leaked)


@pytest.mark.parametrize("name", estimators.INDEX)
def test_batches_by_vmap_or_says_why_not(name: str):
    estimator, task, samples = prepared(name)
    x = task.load().train
    if name in LOOPS:
        with pytest.raises(RuntimeError, match="replicates"):
            replicate(task, estimator, x, samples=samples, count=3)
        return
    draws = replicate(task, estimator, x, samples=samples, count=20).matrix()
    assert draws.isfinite().all()
    if name != "enumerate":
        # Some take few values on a tiny task; all 20 the same would be a draw that the batch shares.
        assert len(draws.unique(dim=0)) > 1


def _gradient(estimator: Estimator, task: Task, x: Tensor, samples: int) -> Tensor:
    estimate = estimator(task, x, samples)
    gradients = torch.autograd.grad(
        estimate.surrogate.mean(), list(task.parameters()), allow_unused=True, materialize_grads=True
    )
    return torch.cat([*(gradient.flatten() for gradient in gradients), estimate.objective])
