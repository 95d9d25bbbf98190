"""The linear control variate leaves any estimator's mean where it is and lowers its variance."""

import pytest
import torch

from estimators.base import Unfit
from estimators.combined.linear_cv import LinearCV
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from tasks.base import Task
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianQuadratic
from tests.estimators.exactness import lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import replicate


@pytest.mark.parametrize(
    ("name", "task", "samples"),
    [
        ("reparam", lecture_weights(), 1),
        ("reparam", linear_gaussian(), 2),
        ("reinforce", Bits(chained=True), 1),
        ("reinforce-loo", BernoulliQuadratic(dim=2), 2),
        ("iwae", lecture_weights(), 3),
        ("vimco", Bits(), 3),
        ("dreg", lecture_weights(), 2),
    ],
)
def test_unbiased_around(name: str, task: Task, samples: int):
    # A pilot's coefficient has heavy tails when it is made from few draws, hence 20.
    assert not misses(LinearCV(name, pilot=20), task, samples=samples, count=10_000)


def test_around_reparam_it_approaches_sticking_the_landing():
    """At the posterior g = −h, so that a = −1 and nothing is left, as for STL."""
    task = lecture_weights()
    task.guide.get_parameter("loc").data.fill_(-0.2)
    task.guide.get_parameter("scale").data.fill_(1.0)
    x = task.load().train
    for estimator, least, most in ((Reparam(), 0.1, 10.0), (STL(), 0.0, 1e-20), (LinearCV("reparam"), 0.0, 0.05)):
        spread = replicate(task, estimator, x, samples=1, count=2000).gradients["guide.loc"].var().item()
        assert least <= spread < most


def test_lowers_the_variance_of_reinforce():
    """On (z − k)², with mean 5, h takes most of the constant part of f away."""
    task = GaussianQuadratic()
    x, outer = task.load().train, LinearCV("reinforce", pilot=100)
    plain, controlled = (
        replicate(task, estimator, x, samples=1, count=5000).matrix().var(0)[:2].sum()
        for estimator in (outer.inner, outer)
    )
    assert controlled < 0.9 * plain


def test_takes_over_what_the_inner_estimator_declares():
    outer = LinearCV("iwae-stl")
    assert (outer.targets, outer.unbiased, outer.latents, outer.minimum_samples) == (
        ("iwae",),
        False,
        "reparameterizable",
        2,
    )
    assert LinearCV("score-function").inner is not None


def test_learned_parts_of_the_inner_estimator_go_on_learning():
    task = linear_gaussian()
    x, estimator = task.load().train, LinearCV("nvil", pilot=2)
    estimator.prepare(task, x)
    estimator.double()
    estimate = estimator(task, x, 1)
    assert estimate.auxiliary is not None
    estimator.observe(estimate)
    gradients = torch.autograd.grad(estimate.auxiliary, list(estimator.parameters()), allow_unused=True)
    assert any(gradient is not None for gradient in gradients)


@pytest.mark.parametrize("name", ["naive-mc", "sumo", "spsa", "enumerate"])
def test_refuses_estimators_without_draws_from_the_guide(name: str):
    task: Task = Bits() if name == "enumerate" else linear_gaussian()
    with pytest.raises(Unfit):
        LinearCV(name).require(task, task.load().train, 1)


def test_refuses_unknown_names_and_itself():
    for name in ("no-such", "linear-cv"):
        with pytest.raises(ValueError, match="must name"):
            LinearCV(name)
