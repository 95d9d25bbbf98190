from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Dirichlet, Multinomial, kl_divergence

from estimators.base import Estimator
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.latent_variables.dirichlet_multinomial import DirichletMultinomial
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_batch() -> tuple[DirichletMultinomial, Tensor]:
    """Return a task with parameters that differ between classes, and two observations, one with a count of zero."""
    torch.manual_seed(3)
    task = DirichletMultinomial(trials=6, n=8)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, torch.tensor([[0, 1, 5], [2, 3, 1]], dtype=torch.float64)


def test_evidence_is_dirichlet_multinomial():
    task, x = task_and_batch()
    alpha = task.model.log_concentration.detach().exp().numpy()
    exact = task.exact("evidence", x, 1)
    assert exact is not None
    np.testing.assert_allclose(exact.detach(), stats.dirichlet_multinomial(alpha, 6).logpmf(x.numpy()))


def test_joint_is_prior_times_likelihood():
    task, x = task_and_batch()
    z = torch.rand(4, 2, 3, dtype=torch.float64).softmax(-1)
    expected = Dirichlet(task.model.log_concentration.exp()).log_prob(z) + Multinomial(6, z).log_prob(x)
    torch.testing.assert_close(task.model(x, {"z": z}), expected)


def test_elbo_is_evidence_less_divergence():
    task, x = task_and_batch()
    guide = Dirichlet(task.guide.log_offset.exp() + task.guide.log_slope.exp() * x)
    divergence = kl_divergence(guide, Dirichlet(task.model.log_concentration.exp() + x))
    elbo = (task.model.log_evidence(x) - divergence).mean()
    gradients = torch.autograd.grad(elbo, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), elbo.detach()[None]])
    for target in ("elbo", "iwae"):
        torch.testing.assert_close(exact_gradient(task, target, x), expected)
    assert task.exact("iwae", x, 2) is None


def test_the_guide_holds_the_posterior():
    task, x = task_and_batch()
    task.guide.log_offset.data = task.model.log_concentration.data.clone()
    task.guide.log_slope.data.zero_()
    torch.testing.assert_close(task.exact("elbo", x, 1), task.exact("evidence", x, 1))
    assert replicate(task, STL(), x, count=20).gradients["guide.log_slope"].std(0) < 1e-12


@pytest.mark.parametrize(("make", "samples"), [(Reinforce, 1), (ReinforceLOO, 3), (Reparam, 1), (STL, 2)])
def test_unbiased(make: Callable[[], Estimator], samples: int):
    task, x = task_and_batch()
    draws = replicate(task, make(), x, samples=samples, count=30_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_data_are_counts_and_the_same_always():
    data = DirichletMultinomial().load()
    assert data.train.shape == data.test.shape == (500, 3)
    assert (data.train.sum(-1) == 10).all()
    assert torch.equal(data.train, DirichletMultinomial().load().train)
    counts = torch.cat([data.train, data.test])[:, 0].int().numpy()
    # With uniform proportions a count of three classes is k with probability 2 (N + 1 − k) / ((N + 1) (N + 2)).
    expected = 1000 * 2 * (11 - np.arange(11)) / (11 * 12)
    assert stats.chisquare(np.bincount(counts, minlength=11), expected).pvalue > 1e-6


def test_simulated_observations_have_the_likelihood():
    task, _ = task_and_batch()
    z = torch.tensor([[[0.5, 0.2, 0.3]]], dtype=torch.float64).expand(20_000, 1, 3)
    torch.manual_seed(0)
    x = task.model.simulate({"z": z})[:, 0]
    assert (x.sum(-1) == 6).all()
    assert not mean_differs(x, 6 * z[0, 0])
    assert not mean_differs((x - 6 * z[0, 0]) ** 2, 6 * z[0, 0] * (1 - z[0, 0]))
