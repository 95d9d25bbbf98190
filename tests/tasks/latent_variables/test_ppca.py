from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from estimators.base import Estimator
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Target
from tasks.latent_variables.ppca import PPCA, AffineGuide
from tasks.parts.guides import Covariance
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_batch(latent: int = 2, covariance: Covariance = "diagonal") -> tuple[PPCA, Tensor]:
    """Return a task in three dimensions none of whose parameters is zero, and two observations."""
    torch.manual_seed(3)
    task = PPCA(3, latent, covariance, n=8)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, task.load().train[:2]


@pytest.mark.parametrize("latent", [1, 2])
def test_evidence_and_posterior_by_conditioning_the_joint(latent: int):
    task, x = task_and_batch(latent)
    w, b, noise = (value.detach().numpy() for value in (task.model.weight, task.model.bias, task.model.log_noise.exp()))
    covariance = w @ w.T + noise**2 * np.eye(3)
    evidence = task.exact("evidence", x, 1)
    assert evidence is not None
    expected = stats.multivariate_normal.logpdf(x, b, covariance)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(evidence.detach(), expected)
    gain = w.T @ np.linalg.inv(covariance)
    posterior = task.model.posterior(x)
    np.testing.assert_allclose(posterior.mean.detach(), (x.numpy() - b) @ gain.T)
    assert isinstance(posterior, MultivariateNormal)
    np.testing.assert_allclose(posterior.covariance_matrix[0].detach(), np.eye(latent) - gain @ w)


def test_joint_is_prior_times_likelihood():
    task, x = task_and_batch()
    z = torch.randn(4, 2, 2, dtype=torch.float64)
    likelihood = Normal(z @ task.model.weight.T + task.model.bias, task.model.log_noise.exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model(x, {"z": z}), Normal(0.0, 1.0).log_prob(z).sum(-1) + likelihood)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_elbo_is_evidence_less_divergence(covariance: Covariance):
    task, x = task_and_batch(covariance=covariance)
    evidence = MultivariateNormal(
        task.model.bias, task.model.weight @ task.model.weight.T + task.model.log_noise.exp() ** 2 * torch.eye(3)
    ).log_prob(x)
    factor = task.guide.scale_tril(x).expand(2, 2, 2)
    divergence = kl_divergence(MultivariateNormal(task.guide.mean(x), scale_tril=factor), task.model.posterior(x))
    elbo = (evidence - divergence).mean()
    gradients = torch.autograd.grad(elbo, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), elbo.detach()[None]])
    torch.testing.assert_close(exact_gradient(task, "elbo", x), expected)


def at_posterior() -> tuple[PPCA, Tensor]:
    task, x = task_and_batch(covariance="full")
    zero, unit = torch.zeros(1, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    posterior, at_units = task.model.posterior(zero), task.model.posterior(unit)
    assert isinstance(posterior, MultivariateNormal)
    assert isinstance(task.guide, AffineGuide)
    assert task.guide.factor is not None
    task.guide.bias.data = posterior.mean[0].detach()
    task.guide.weight.data = (at_units.mean - posterior.mean).T.detach().contiguous()
    factor = posterior.scale_tril[0].detach()
    task.guide.log_scale.data, task.guide.factor.data = factor.diagonal().log(), factor.tril(-1)
    return task, x


def test_the_full_guide_holds_the_posterior():
    task, x = at_posterior()
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    torch.testing.assert_close(elbo, evidence)
    draws = replicate(task, STL(), x, count=20)
    assert draws.gradients["guide.weight"].std(0).max() < 1e-12


@pytest.mark.parametrize(("samples", "nodes"), [(2, 100), (3, 60)])
def test_bound_by_full_gauss_hermite_grid(samples: int, nodes: int):
    task, x = task_and_batch(1)
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(nodes))
    masses = torch.stack(torch.meshgrid([mass / mass.sum()] * samples, indexing="ij")).prod(0)
    bound = torch.zeros((), dtype=torch.float64)
    for row in x:
        guide = Normal(task.guide.mean(row), task.guide.log_scale.exp())
        z = guide.loc + guide.scale * noise
        likelihood = Normal(z[:, None] * task.model.weight[:, 0] + task.model.bias, task.model.log_noise.exp())
        log_weight = Normal(0.0, 1.0).log_prob(z) + likelihood.log_prob(row).sum(-1) - guide.log_prob(z)
        points = torch.stack(torch.meshgrid([log_weight] * samples, indexing="ij"))
        bound = bound + (masses * (points.logsumexp(0) - np.log(samples))).sum() / len(x)
    gradients = torch.autograd.grad(bound, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), bound.detach()[None]])
    torch.testing.assert_close(exact_gradient(task, "iwae", x, samples=samples), expected, atol=1e-7, rtol=1e-7)


def test_bound_only_where_quadrature_reaches():
    task, x = task_and_batch(2)
    assert task.exact("iwae", x, 2) is None
    task, x = task_and_batch(1)
    assert task.exact("iwae", x, 4) is None
    assert task.exact("expectation", x, 1) is None


CASES: list[tuple[Callable[[], Estimator], int, Covariance, Target, int]] = [
    (Reinforce, 2, "diagonal", "elbo", 1),
    (Reinforce, 2, "full", "elbo", 1),
    (ReinforceLOO, 2, "full", "elbo", 2),
    (Reparam, 2, "full", "elbo", 1),
    (STL, 2, "full", "elbo", 2),
    (IWAE, 1, "diagonal", "iwae", 2),
    (DReG, 1, "diagonal", "iwae", 3),
    (DReG, 1, "full", "iwae", 2),
]


@pytest.mark.parametrize(("make", "latent", "covariance", "target", "samples"), CASES)
def test_unbiased(make: Callable[[], Estimator], latent: int, covariance: Covariance, target: Target, samples: int):
    (task, x), estimator = task_and_batch(latent, covariance), make()
    assert estimator.target(task) == target
    draws = replicate(task, estimator, x, samples=samples, count=20_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


def test_simulated_observations_have_the_likelihood():
    task, _ = task_and_batch()
    z = torch.tensor([[[0.5, -1.0]]], dtype=torch.float64).expand(20_000, 1, 2)
    torch.manual_seed(0)
    x = task.model.simulate({"z": z})
    mean = task.model.weight @ z[0, 0] + task.model.bias
    assert not x.requires_grad
    assert not mean_differs(x[:, 0], mean.detach())
    squares = (x[:, 0] - mean.detach()) ** 2
    assert not mean_differs(squares, torch.exp(2 * task.model.log_noise.detach()).expand(3))


def test_refuses_an_unknown_covariance():
    with pytest.raises(ValueError, match="diagonal or full; it is 'low-rank'"):
        PPCA(covariance="low-rank")  # pyright: ignore[reportArgumentType]
