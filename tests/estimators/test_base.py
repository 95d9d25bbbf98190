"""What estimators are written in, and what a class of one's own is taken to declare."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from estimators.base import (
    Estimate,
    Estimator,
    evaluate,
    log_mean_exp_of_others,
    log_sum_exp_of_others,
    mean_of_others,
)
from estimators.draw import Detached
from estimators.importance_weighted.dreg import DReG
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tests.estimators.exactness import linear_gaussian, misses
from tests.estimators.tiny import Bits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ci.md"


@pytest.mark.parametrize("samples", [2, 5])
def test_means_over_the_others(samples: int):
    torch.manual_seed(0)
    value = torch.randn(samples, 3, dtype=torch.float64)
    others = [torch.cat([value[:k], value[k + 1 :]]) for k in range(samples)]
    torch.testing.assert_close(mean_of_others(value), torch.stack([rest.mean(0) for rest in others]))
    torch.testing.assert_close(log_sum_exp_of_others(value), torch.stack([rest.logsumexp(0) for rest in others]))
    expected = torch.stack([rest.exp().mean(0).log() for rest in others])
    torch.testing.assert_close(log_mean_exp_of_others(value), expected)


def test_the_sum_over_no_others_is_zero():
    assert (log_sum_exp_of_others(torch.zeros(1, 3)) == -torch.inf).all()


@pytest.mark.parametrize("task", [Bits(), BernoulliQuadratic(dim=3)])
def test_the_model_value_goes_by_its_former_name_too(task: Task):
    run = evaluate(task, task.load().train, Detached(2))
    assert run.log_p is run.model_value
    expected = run.model_value if task.target == "expectation" else run.model_value - run.log_q
    torch.testing.assert_close(run.f, expected)


def test_the_estimator_of_the_page_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (code,) = re.findall(r"```python\n# mine\.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    space: dict[str, type[Estimator]] = {}
    exec(code, space)
    for task in (linear_gaussian(2), BernoulliQuadratic(dim=3)):
        assert not misses(space["HalfBaseline"](), task, samples=3)


class Silent(Estimator):
    """Says what its target is, and does not declare that it is its own."""

    targets = ("elbo",)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        return Reinforce().estimate(task, x, samples)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return super().exact(task, x, samples)


class Denies(Silent):
    own_target = False

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return super().exact(task, x, samples)


class Answers:
    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return None


class Mixed(Answers, Reinforce):  # type: ignore[misc]
    pass


class Derived(Silent):
    pass


def test_an_exact_value_of_its_own_is_a_target_of_its_own_unless_denied():
    assert Silent.own_target
    assert Derived.own_target
    assert Mixed.own_target
    assert not Denies.own_target
    assert not Reinforce.own_target


def test_a_setting_can_make_the_target_its_own():
    assert not DReG().own_target
    assert DReG(alpha=0.5).own_target


def test_gradients_of_another_library_make_an_estimate():
    first, second, third = (torch.full((2,), value, requires_grad=True) for value in (1.0, 2.0, 3.0))
    slopes = torch.tensor([0.5, -2.0], requires_grad=True), torch.tensor([1.0, 4.0])
    objective = torch.tensor([1.0, 2.0, 6.0], requires_grad=True)
    estimate = Estimate.from_gradients(objective, [first, second, third], [*slopes, None])
    assert not estimate.objective.requires_grad
    assert estimate.surrogate.shape == (3,)
    found = torch.autograd.grad(estimate.surrogate.mean(), [first, second, third, slopes[0]], allow_unused=True)
    torch.testing.assert_close(found[0], slopes[0].detach())
    torch.testing.assert_close(found[1], slopes[1])
    assert found[2] is None
    assert found[3] is None
