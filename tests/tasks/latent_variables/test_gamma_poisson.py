from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Gamma, Poisson, kl_divergence

from estimators.base import Estimator
from estimators.draw import probe
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.latent_variables.gamma_poisson import Family, GammaGuide, GammaPoisson
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_batch(guide: Family) -> tuple[GammaPoisson, Tensor]:
    """Return a task with parameters that differ between coordinates, and two observations, one with a count of zero."""
    torch.manual_seed(3)
    task = GammaPoisson(guide, dim=2, n=8)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, torch.tensor([[0, 3], [6, 1]], dtype=torch.float64)


def test_evidence_is_negative_binomial():
    task, x = task_and_batch("gamma")
    a, b = (parameter.detach().exp().numpy() for parameter in (task.model.log_concentration, task.model.log_rate))
    exact = task.exact("evidence", x, 1)
    assert exact is not None
    np.testing.assert_allclose(exact.detach(), stats.nbinom.logpmf(x, a, b / (b + 1)).sum(-1))


def test_joint_is_prior_times_likelihood():
    task, x = task_and_batch("gamma")
    z = torch.rand(4, 2, 2, dtype=torch.float64) + 0.1
    prior = Gamma(task.model.log_concentration.exp(), task.model.log_rate.exp())
    expected = (prior.log_prob(z) + Poisson(z).log_prob(x)).sum(-1)
    torch.testing.assert_close(task.model(x, {"z": z}), expected)


def test_elbo_is_evidence_less_divergence():
    task, x = task_and_batch("gamma")
    guide = probe(task.guide, x).sites["z"].distribution
    assert guide.event_shape == (2,)
    assert isinstance(task.guide, GammaGuide)
    a, b = task.model.log_concentration.exp(), task.model.log_rate.exp()
    posterior = Gamma(a + x, (b + 1).expand(2, 2))
    gamma = Gamma(task.guide.log_offset.exp() + task.guide.log_slope.exp() * x, task.guide.log_rate.exp().expand(2, 2))
    elbo = (task.model.log_evidence(x) - kl_divergence(gamma, posterior).sum(-1)).mean()
    gradients = torch.autograd.grad(elbo, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), elbo.detach()[None]])
    torch.testing.assert_close(exact_gradient(task, "elbo", x), expected)


def test_log_normal_elbo_by_quadrature():
    task, x = task_and_batch("log-normal")
    a, b = (parameter.detach().exp().numpy() for parameter in (task.model.log_concentration, task.model.log_rate))
    normal = probe(task.guide, x).sites["z"].distribution.base_dist  # pyright: ignore[reportAttributeAccessIssue]
    expected = 0.0
    for row, column in np.ndindex(2, 2):
        t = np.linspace(-8, 8, 4001)
        log_q = stats.norm.logpdf(t, normal.loc[row, column].item(), normal.scale[row, column].item())
        log_prior = stats.gamma.logpdf(np.exp(t), a[column], scale=1 / b[column])
        log_weight = log_prior + stats.poisson.logpmf(x[row, column].item(), np.exp(t)) - (log_q - t)
        expected += integrate.simpson(np.exp(log_q) * log_weight, x=t) / 2
    assert exact_gradient(task, "elbo", x)[-1].item() == pytest.approx(expected, abs=1e-8)


def test_the_gamma_guide_holds_the_posterior():
    task, x = task_and_batch("gamma")
    assert isinstance(task.guide, GammaGuide)
    task.guide.log_offset.data = task.model.log_concentration.data.clone()
    task.guide.log_slope.data.zero_()
    task.guide.log_rate.data = task.model.log_rate.data.exp().add(1).log()
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    torch.testing.assert_close(elbo, evidence)
    assert replicate(task, STL(), x, count=20).gradients["guide.log_slope"].std(0).max() < 1e-12


@pytest.mark.parametrize("guide", ["gamma", "log-normal"])
@pytest.mark.parametrize(("make", "samples"), [(Reinforce, 1), (ReinforceLOO, 2), (Reparam, 1), (STL, 2)])
def test_unbiased(make: Callable[[], Estimator], samples: int, guide: Family):
    task, x = task_and_batch(guide)
    draws = replicate(task, make(), x, samples=samples, count=20_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_data_are_negative_binomial_and_the_same_always():
    data = GammaPoisson().load()
    assert data.train.shape == data.test.shape == (500, 3)
    assert torch.equal(data.train, GammaPoisson("log-normal").load().train)
    # Mean a/b = 4 and variance 4 + a/b² = 12: five standard errors of the mean of 3000.
    assert torch.cat([data.train, data.test]).mean().item() == pytest.approx(4, abs=5 * (12 / 3000) ** 0.5)


def test_simulated_observations_have_the_likelihood():
    task, _ = task_and_batch("gamma")
    z = torch.tensor([[[0.5, 3.0]]], dtype=torch.float64).expand(20_000, 1, 2)
    torch.manual_seed(0)
    assert not mean_differs(task.model.simulate({"z": z})[:, 0], z[0, 0])


def test_bound_of_more_samples_has_no_closed_form_and_an_unknown_guide_is_refused():
    task, x = task_and_batch("gamma")
    assert task.exact("iwae", x, 2) is None
    with pytest.raises(ValueError, match="gamma or log-normal; it is 'beta'"):
        GammaPoisson("beta")  # pyright: ignore[reportArgumentType]
