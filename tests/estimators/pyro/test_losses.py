"""Pyro's losses on our tasks: their mean gradients, what they refuse, and that they leave nothing behind."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

import re

import pyro
import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from bench.check.points import Point, task_subjects
from bench.measure.replicates import gradient_of
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from estimators.base import Estimator, Unfit
from estimators.importance_weighted.rws import RWS
from tasks.pyro import from_pyro
from tests.gradients import FALSE_ALARM, mean_differs, replicate
from tests.tasks.pyro import examples

TINY = {
    "Gaussian": "linear-gaussian(dim=1, n=8, perturbation=0.3)",
    "categorical": "gaussian-mixture(components=3, hidden=3, n=8)",
    "chain": "hmm(states=2, length=3, hidden=1, n=8)",
    "mixed": "mixture-vae(components=3, latent=1, hidden=3)",
    "without a prior": "lecture-weights",
}


def build(name: str) -> Estimator:
    return ESTIMATORS.build(parse_spec(name))


def point(kind: str) -> Point:
    (subject,) = task_subjects(TINY[kind])
    return Point(subject)


def rows(estimator: Estimator, where: Point, samples: int, count: int) -> Tensor:
    """Return replicates as rows, [count, P]."""
    torch.manual_seed(0)
    where.x = where.x[:2]

    def draw() -> Tensor:
        return estimator(where.task, where.x, samples).surrogate.mean()

    return torch.stack([gradient_of(draw(), where.task) for _ in range(count)])


@pytest.mark.parametrize(
    ("name", "kind", "samples"),
    [
        ("pyro-trace", "mixed", 2),
        ("pyro-tracegraph", "categorical", 1),
        ("pyro-tracemeanfield", "Gaussian", 2),
        ("pyro-renyi(alpha=0.5)", "Gaussian", 2),
        ("pyro-traceenum", "without a prior", 2),
    ],
)
def test_the_mean_is_the_exact_gradient(name: str, kind: str, samples: int):
    estimator, where = build(name), point(kind)
    drawn = rows(estimator, where, samples, 60)
    assert not mean_differs(drawn, where.exact(estimator, samples).gradient), FALSE_ALARM


@pytest.mark.parametrize("kind", ["categorical", "chain"])
def test_enumeration_is_exact(kind: str):
    estimator, where = build("pyro-traceenum"), point(kind)
    drawn = rows(estimator, where, 2, 2)
    torch.testing.assert_close(drawn, where.exact(estimator, 2).gradient.expand_as(drawn))
    estimate = estimator(where.task, where.x, 1)
    assert estimate.objective.mean().item() == pytest.approx(where.exact(estimator, 1).value)


def test_the_wake_phase_is_ours():
    where = point("categorical")
    drawn = rows(build("pyro-reweighted-wake-sleep"), where, 2, 60)
    ours = replicate(where.task, RWS(), where.x, samples=2, count=20_000).matrix()[:, :-1]
    assert not mean_differs(drawn, ours.mean(0))


def test_a_task_that_is_a_pyro_program_is_run_within_another():
    task = from_pyro(examples.sides, examples.sides_guide, examples.OBSERVED).double()
    x, estimator = task.load().train.double(), build("pyro-trace")
    estimator.require(task, x, 1)
    torch.manual_seed(0)
    drawn = torch.stack([gradient_of(estimator(task, x, 4).surrogate.mean(), task) for _ in range(60)])
    value = task.exact("elbo", x, 1)
    assert value is not None
    assert not mean_differs(drawn, gradient_of(value.mean(), task))


def test_nothing_is_left_behind():
    where = point("Gaussian")
    pyro.clear_param_store()
    before = {name: value.clone() for name, value in where.task.state_dict().items()}
    estimate = build("pyro-trace")(where.task, where.x, 1)
    assert not estimate.objective.requires_grad
    assert not list(pyro.get_param_store())
    assert all(value.grad is None for value in where.task.parameters())
    assert all(torch.equal(value, before[name]) for name, value in where.task.state_dict().items())


def test_replicates_are_drawn_one_by_one():
    where, estimator = point("Gaussian"), build("pyro-trace")
    with pytest.raises(RuntimeError, match="one by one"):
        vmap(grad(lambda x: estimator(where.task, x, 1).surrogate.mean()))(where.x[None])


@pytest.mark.parametrize(
    ("name", "task", "reason"),
    [
        ("pyro-tracemeanfield", "categorical", "needs reparameterizable latents; site 'z'"),
        ("pyro-trace", "gaussian-quadratic", "estimates elbo, which needs log p(x, z)"),
        ("pyro-reweighted-wake-sleep", "Gaussian", "needs at least 2 samples"),
    ],
)
def test_says_what_does_not_fit(name: str, task: str, reason: str):
    (subject,) = task_subjects(TINY.get(task, task))
    where = Point(subject)
    with pytest.raises(Unfit, match=re.escape(reason)):
        build(name).require(where.task, where.x, 1)
