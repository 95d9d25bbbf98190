from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch

from estimators.base import Estimator, Unfit
from estimators.discrete.enumerate import Enumerate
from estimators.evidence.naive_mc import NaiveMC
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tests.gradients import exact_gradient, mean_differs, replicate

LOGITS = torch.tensor([0.0, -1.2, 0.8], dtype=torch.float64)


def away_from_start(t: float = 0.45) -> BernoulliQuadratic:
    """Return a task whose logits differ, so that no two coordinates can be confused."""
    task = BernoulliQuadratic(t=t, dim=3)
    task.guide.logits.data.copy_(LOGITS)
    return task


@pytest.mark.parametrize("t", [0.45, 0.499, -0.2])
def test_closed_form_by_enumeration(t: float):
    task, probs = away_from_start(t), 1 / (1 + np.exp(-LOGITS.numpy()))
    value, gradient = 0.0, np.zeros(3)
    for state in product((0, 1), repeat=3):
        b = np.array(state)
        term = np.prod(np.where(b == 1, probs, 1 - probs)) * ((b - t) ** 2).sum()
        value, gradient = value + term, gradient + term * (b - probs)
    actual = exact_gradient(task, "expectation", task.load().train)
    np.testing.assert_allclose(actual, [*gradient, value], atol=1e-12)


def test_starts_at_one_half_and_has_one_value_per_row():
    task = BernoulliQuadratic(t=0.3, dim=2)
    x = torch.zeros(4, 0, dtype=torch.float64)
    exact = task.exact("expectation", x, 1)
    assert exact is not None
    torch.testing.assert_close(exact, torch.full((4,), 0.3**2 + 0.7**2, dtype=torch.float64))
    assert task.exact("elbo", x, 1) is None


@pytest.mark.parametrize(
    ("make", "samples"), [(Reinforce, 1), (Reinforce, 3), (ReinforceEMA, 2), (ReinforceLOO, 2), (ReinforceLOO, 5)]
)
def test_unbiased(make: Callable[[], Estimator], samples: int):
    task, estimator = away_from_start(), make()
    x = task.load().train
    estimator.observe(estimator(task, x, 2))
    draws = replicate(task, estimator, x, samples=samples, count=100_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "expectation", x))


def test_enumeration_is_exact_in_one_go():
    task = away_from_start()
    x = task.load().train
    draws = replicate(task, Enumerate(), x, count=3).matrix()
    torch.testing.assert_close(draws, exact_gradient(task, "expectation", x).expand(3, -1))


@pytest.mark.parametrize("make", [Reparam, STL, IWAE, DReG, NaiveMC])
def test_refuses_what_needs_a_density_or_a_path(make: Callable[[], Estimator]):
    task = BernoulliQuadratic()
    with pytest.raises(Unfit):
        make().require(task, task.load().train, 2)


def test_enumeration_refuses_too_many_states():
    task = BernoulliQuadratic(dim=13)
    with pytest.raises(Unfit, match="8192 joint states"):
        Enumerate().require(task, task.load().train, 1)
