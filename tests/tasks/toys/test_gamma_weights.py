from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor
from torch.distributions import Gamma, kl_divergence

from estimators.base import Estimator
from estimators.evidence.naive_mc import NaiveMC
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Target
from tasks.toys.gamma_weights import GammaWeights
from tests.gradients import exact_gradient, mean_differs, replicate


def task_with(a: float, normaliser: float = 0.7, rate: float = 1.3) -> GammaWeights:
    """Return a task where the weights are C z still, with a normaliser and a rate of their own."""
    task = GammaWeights(a)
    task.model.log_normaliser.data.fill_(normaliser)
    task.model.log_rate.data.fill_(np.log(rate))
    task.guide.log_rate.data.fill_(np.log(rate))
    return task


def away_from_start() -> GammaWeights:
    task = task_with(1.5)
    task.guide.log_concentration.data += 0.3
    task.guide.log_rate.data -= 0.2
    return task


@pytest.mark.parametrize("a", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("samples", [1, 2, 10, 1000])
def test_bias_of_the_bound(a: float, samples: int):
    task = task_with(a)
    value = exact_gradient(task, "iwae", task.load().train, samples=samples)[-1].item()
    assert value - 0.7 == pytest.approx(special.digamma(a * samples) - np.log(a * samples), abs=1e-12)
    # The next term of the expansion of ψ is 1/(12 (aK)²).
    assert value - 0.7 == pytest.approx(
        -1 / (2 * a * samples), abs=1 / (11 * (a * samples) ** 2) + 0.3 * (samples * a < 1)
    )


def test_elbo_and_evidence_by_the_divergence():
    task = away_from_start()
    guide = Gamma(task.guide.log_concentration.exp(), task.guide.log_rate.exp())
    posterior = Gamma(torch.tensor([2.5], dtype=torch.float64), task.model.log_rate.exp())
    elbo = (task.model.log_normaliser - kl_divergence(guide, posterior)).squeeze()
    gradients = torch.autograd.grad(elbo, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), elbo.detach()[None]])
    x = task.load().train
    torch.testing.assert_close(exact_gradient(task, "elbo", x), expected)
    torch.testing.assert_close(exact_gradient(task, "iwae", x), expected)
    assert exact_gradient(task, "evidence", x)[-1].item() == 0.7
    assert task.exact("expectation", x, 1) is None


def bound_on_a_grid(task: GammaWeights) -> Tensor:
    """Return L_2 by the trapezoidal rule in t = log z, where Gamma densities are smooth and decay on both sides."""
    t = torch.linspace(-32, 5, 1500, dtype=torch.float64)
    guide = Gamma(task.guide.log_concentration.exp(), task.guide.log_rate.exp())
    log_q = guide.log_prob(t.exp())
    mass = (log_q + t).exp() * (t[1] - t[0])
    log_weight = task.model(torch.zeros(1, 0), {"z": t.exp()[:, None, None]})[:, 0] - log_q
    return mass @ (torch.logaddexp(log_weight[:, None], log_weight) - np.log(2)) @ mass


@pytest.mark.parametrize("a", [1.0, 2.5])
def test_gradient_of_the_bound_by_quadrature(a: float):
    task = task_with(a)
    bound = bound_on_a_grid(task)
    gradients = torch.autograd.grad(bound, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), bound.detach()[None]])
    actual = exact_gradient(task, "iwae", task.load().train, samples=2)
    torch.testing.assert_close(actual, expected, atol=1e-8, rtol=1e-8)


def test_no_bound_where_the_weights_are_not_gamma():
    assert exact_gradient(away_from_start(), "iwae", torch.zeros(1, 0), samples=2).isnan().all()


def test_variance_of_the_bound():
    task, samples = task_with(1.0), 5
    values = replicate(task, IWAE(), task.load().train, samples=samples, count=50_000).objectives
    squares = (values - exact_gradient(task, "iwae", task.load().train, samples=samples)[-1]) ** 2
    expected = torch.tensor([float(special.polygamma(1, samples))], dtype=torch.float64)
    assert not mean_differs(squares[:, None], expected)
    assert mean_differs(squares[:, None], 1.1 * expected)


CASES: list[tuple[Callable[[], Estimator], Target, int]] = [
    (Reinforce, "elbo", 1),
    (ReinforceLOO, "elbo", 3),
    (Reparam, "elbo", 1),
    (STL, "elbo", 2),
]


@pytest.mark.parametrize(("make", "target", "samples"), CASES)
def test_unbiased(make: Callable[[], Estimator], target: Target, samples: int):
    task, estimator = away_from_start(), make()
    x = task.load().train
    assert estimator.target(task) == target
    draws = replicate(task, estimator, x, samples=samples, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


@pytest.mark.parametrize("make", [IWAE, DReG])
@pytest.mark.parametrize("samples", [2, 20])
def test_bounds_are_unbiased_at_any_number_of_samples(make: Callable[[], Estimator], samples: int):
    task = task_with(1.0)
    x = task.load().train
    draws = replicate(task, make(), x, samples=samples, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "iwae", x, samples=samples))
    assert mean_differs(draws, exact_gradient(task, "iwae", x, samples=samples // 2))


def test_prior_is_the_normalised_model():
    task = task_with(1.5)
    x = task.load().train
    # w/p(x) is one for every draw, so that naive Monte Carlo has neither bias nor variance.
    draws = replicate(task, NaiveMC(), x, samples=3, count=10)
    torch.testing.assert_close(draws.objectives, torch.full((10,), 0.7, dtype=torch.float64))


def test_refuses_a_concentration_that_is_not_positive():
    with pytest.raises(ValueError, match="must be positive; it is 0"):
        GammaWeights(0)
