from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from estimators.base import Estimator, Unfit
from estimators.discrete.enumerate import Enumerate
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.toys.categorical_toy import CategoricalToy, Cost
from tests.gradients import exact_gradient, mean_differs, replicate

DEGREES: dict[Cost, int] = {"linear": 1, "quadratic": 2, "cubic": 3}


def away_from_start(cost: Cost, dim: int) -> CategoricalToy:
    """Return a task whose logits all differ, so that no two coordinates can be confused."""
    task = CategoricalToy(cost, classes=3, dim=dim, t=0.3)
    torch.manual_seed(0)
    task.guide.logits.data.normal_()
    return task


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("cost", DEGREES)
def test_closed_form_by_enumeration(cost: Cost, dim: int):
    task = away_from_start(cost, dim)
    logits = task.guide.logits.detach().numpy()
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    value, gradient = 0.0, np.zeros((dim, 3))
    for state in product(range(3), repeat=dim):
        one_hot = np.eye(3)[list(state)]
        term = (probs * one_hot).sum(-1).prod() * (sum(k / 2 for k in state) - 0.3 * dim) ** DEGREES[cost]
        value, gradient = value + term, gradient + term * (one_hot - probs)
    actual = exact_gradient(task, "expectation", task.load().train)
    np.testing.assert_allclose(actual, [*gradient.flatten(), value], atol=1e-12)


@pytest.mark.parametrize("cost", DEGREES)
@pytest.mark.parametrize(("make", "samples"), [(Reinforce, 1), (ReinforceLOO, 2)])
def test_unbiased(make: Callable[[], Estimator], samples: int, cost: Cost):
    task = away_from_start(cost, 2)
    x = task.load().train
    draws = replicate(task, make(), x, samples=samples, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "expectation", x))


def test_enumeration_is_exact_in_one_go():
    task = away_from_start("cubic", 2)
    x = task.load().train
    draws = replicate(task, Enumerate(), x, count=3).matrix()
    torch.testing.assert_close(draws, exact_gradient(task, "expectation", x).expand(3, -1))


def by_jacobian(task: CategoricalToy, weight_of_b: float) -> Tensor:
    """Return the mean over b of J(π) f′(b), or of 2 J(½ (π + b)) f′(b) − ½ J(π) f′(b), where `weight_of_b` is ½."""
    logits = task.guide.logits.detach()[0]
    p = logits.softmax(-1)

    def jacobian(v: Tensor) -> Tensor:
        return v.diag() - torch.outer(v, v)

    total = torch.zeros_like(p)
    for k in range(len(p)):
        b = torch.eye(len(p), dtype=p.dtype)[k]
        slope = torch.func.grad(lambda b: task.model(torch.zeros(1, 0), {"b": b[None, None, None]}).sum())(b)
        if weight_of_b == 0:
            total = total + p[k] * jacobian(p) @ slope
        else:
            total = total + p[k] * (2 * jacobian((p + b) / 2) - jacobian(p) / 2) @ slope
    return total


@pytest.mark.parametrize(
    ("cost", "straight_through", "reinmax"),
    [("linear", True, True), ("quadratic", False, True), ("cubic", False, False)],
)
def test_which_straight_through_estimators_are_exact(cost: Cost, straight_through: bool, reinmax: bool):
    task = away_from_start(cost, 1)
    exact = exact_gradient(task, "expectation", task.load().train)[:-1]
    assert torch.allclose(by_jacobian(task, 0), exact) is straight_through
    assert torch.allclose(by_jacobian(task, 0.5), exact) is reinmax


def test_refusals():
    task = CategoricalToy(classes=9, dim=4)
    x = task.load().train
    assert task.exact("expectation", x, 1) is None
    assert task.exact("elbo", x, 1) is None
    with pytest.raises(Unfit, match="is OneHotCategorical"):
        Reparam().require(task, x, 1)
    with pytest.raises(ValueError, match="linear, quadratic or cubic; it is 'sine'"):
        CategoricalToy("sine")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least 2 classes"):
        CategoricalToy(classes=1)
