from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Normal, kl_divergence

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
from tasks.base import Target
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_batch(dim: int) -> tuple[LinearGaussian, Tensor]:
    """Return a task far enough from the optimum that no gradient is small, and two observations."""
    torch.manual_seed(3)
    task = LinearGaussian(dim=dim, n=8, perturbation=0.5)
    return task, task.load().train[:2]


def test_starts_at_the_optimum_but_for_the_perturbation():
    task = LinearGaussian(dim=3, n=50, perturbation=0.0)
    gradient = exact_gradient(task, "elbo", task.load().train)[:-1]
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-13, rtol=0)


def test_seed_moves_the_start_and_not_the_data():
    torch.manual_seed(0)
    first = LinearGaussian()
    second = LinearGaussian()
    torch.testing.assert_close(first.load().train, second.load().train, atol=0, rtol=0)
    moved = torch.cat([(a - b).flatten() for a, b in zip(first.parameters(), second.parameters(), strict=True)])
    # 440 differences of N(0, 0.01²): the relative error of their standard deviation is 3.4%; five of those.
    assert moved.std().item() == pytest.approx(0.01 * 2**0.5, rel=0.17)


def test_data_have_variance_two_around_a_common_mean():
    data = LinearGaussian().load()
    assert data.train.shape == data.test.shape == (1024, 20)
    # The mean variance over 20 coordinates has a relative standard error of sqrt(2/(1023·20)) = 1%; five of those.
    assert data.train.var(0).mean().item() == pytest.approx(2, rel=0.05)
    assert data.test.var(0).mean().item() == pytest.approx(2, rel=0.05)
    # Means of 1024 with variance 2, differing by N(0, 4/1024): below 5.3 standard errors in all 20, false alarm 2e-6.
    assert (data.train.mean(0) - data.test.mean(0)).abs().max() < 5.3 * 2 / 32


def test_evidence_by_quadrature():
    task, x = task_and_batch(1)
    loc = task.model.loc.item()
    exact = task.exact("evidence", x, 1)
    assert exact is not None
    z = np.linspace(-12, 12, 2001)
    joint = stats.norm.pdf(z, loc) * stats.norm.pdf(x.numpy(), z)
    np.testing.assert_allclose(exact.detach(), np.log(integrate.simpson(joint, x=z)), atol=1e-9)


@pytest.mark.parametrize("dim", [1, 3])
def test_evidence_and_elbo_by_the_posterior(dim: int):
    task, x = task_and_batch(dim)
    loc, weight, bias = values = [parameter.detach().requires_grad_() for parameter in task.parameters()]
    assert [name for name, _ in task.named_parameters()] == ["model.loc", "guide.weight", "guide.bias"]
    evidence = Normal(loc, 2**0.5).log_prob(x).sum(-1).mean()
    guide, posterior = Normal(x @ weight.T + bias, (2 / 3) ** 0.5), Normal((x + loc) / 2, 0.5**0.5)
    elbo = evidence - kl_divergence(guide, posterior).sum(-1).mean()
    answers: dict[Target, Tensor] = {"evidence": evidence, "elbo": elbo, "iwae": elbo}
    for target, value in answers.items():
        gradients = torch.autograd.grad(value, values, retain_graph=True, materialize_grads=True)
        expected = torch.cat([*(gradient.flatten() for gradient in gradients), value.detach()[None]])
        torch.testing.assert_close(exact_gradient(task, target, x), expected)


@pytest.mark.parametrize(("samples", "nodes"), [(2, 150), (3, 100)])
def test_bound_by_full_gauss_hermite_grid(samples: int, nodes: int):
    task, x = task_and_batch(1)
    loc, weight, bias = values = [parameter.detach().requires_grad_() for parameter in task.parameters()]
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(nodes))
    masses = torch.stack(torch.meshgrid([mass / mass.sum()] * samples, indexing="ij")).prod(0)
    bound = torch.zeros((), dtype=torch.float64)
    for row in x:
        guide = Normal(row @ weight.T + bias, (2 / 3) ** 0.5)
        z = guide.loc + guide.scale * noise
        log_weight = Normal(loc, 1).log_prob(z) + Normal(z, 1).log_prob(row) - guide.log_prob(z)
        points = torch.stack(torch.meshgrid([log_weight] * samples, indexing="ij"))
        bound = bound + (masses * (points.logsumexp(0) - np.log(samples))).sum() / len(x)
    gradients = torch.autograd.grad(bound, values)
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), bound.detach()[None]])
    torch.testing.assert_close(exact_gradient(task, "iwae", x, samples=samples), expected, atol=1e-8, rtol=0)


def test_bound_only_where_quadrature_reaches():
    task, x = task_and_batch(3)
    assert task.exact("iwae", x, 2) is None
    task, x = task_and_batch(1)
    assert task.exact("iwae", x, 4) is None
    assert task.exact("expectation", x, 1) is None


CASES: list[tuple[Callable[[], Estimator], int, Target, int]] = [
    (Reinforce, 3, "elbo", 1),
    (ReinforceEMA, 3, "elbo", 2),
    (ReinforceLOO, 3, "elbo", 2),
    (Reparam, 3, "elbo", 1),
    (STL, 3, "elbo", 2),
    (IWAE, 1, "iwae", 2),
    (IWAE, 1, "iwae", 3),
    (DReG, 1, "iwae", 2),
    (DReG, 1, "iwae", 3),
]


@pytest.mark.parametrize(("make", "dim", "target", "samples"), CASES)
def test_unbiased(make: Callable[[], Estimator], dim: int, target: Target, samples: int):
    (task, x), estimator = task_and_batch(dim), make()
    assert estimator.target(task) == target
    estimator.observe(estimator(task, x, 2))
    draws = replicate(task, estimator, x, samples=samples, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


def prior_grid(loc: float, x: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return z − μ, its probability under the prior, and w = exp(−(x − z)²/2) on a grid, each [N]."""
    shift = np.linspace(-9, 9, 2001)
    mass = stats.norm.pdf(shift)
    return shift, mass / mass.sum(), np.exp(-0.5 * (x - loc - shift) ** 2)


def naive_mean(loc: float, x: float, samples: int) -> tuple[float, float]:
    """Return the mean of naive Monte Carlo's μ-gradient, and of its objective, in one dimension.

    With S = Σ w: 1/S = ∫ exp(−tS) dt and log S = ∫ (exp(−t) − exp(−tS)) dt/t over t > 0 turn the mean over M
    independent draws into a single integral of one-draw means, whatever M is.
    """
    shift, mass, weight = prior_grid(loc, x)
    log_t = np.linspace(-40, 80, 6001)
    t, step = np.exp(log_t), log_t[1] - log_t[0]
    decay = np.exp(-t[:, None] * weight)
    single = decay @ mass
    gradient = samples * (t * (decay @ (mass * weight * shift)) * single ** (samples - 1)).sum() * step
    log_sum = (np.exp(-t) - single**samples).sum() * step
    return gradient, log_sum - np.log(samples) - 0.5 * np.log(2 * np.pi)


@pytest.mark.parametrize("samples", [1, 2, 8])
def test_naive_mc_has_its_own_mean_and_not_the_gradient_of_log_p(samples: int):
    task, x = task_and_batch(1)
    means = np.mean([naive_mean(task.model.loc.item(), row.item(), samples) for row in x], 0)
    expected = torch.tensor([means[0], 0, 0, means[1]], dtype=torch.float64)
    draws = replicate(task, NaiveMC(), x, samples=samples, count=100_000).matrix()
    assert not mean_differs(draws, expected)
    assert mean_differs(draws, exact_gradient(task, "evidence", x))


def test_naive_mean_of_two_by_a_plane_grid():
    shift, mass, weight = (array[::8] for array in prior_grid(0.3, 1.5))
    mass = mass / mass.sum()
    total = weight[:, None] + weight
    expected = mass @ (((weight * shift)[:, None] + weight * shift) / total) @ mass
    assert naive_mean(0.3, 1.5, 2)[0] == pytest.approx(expected, abs=1e-9)


def test_bias_of_naive_mc_is_one_over_m():
    loc, x = 0.3, 1.5
    shift, mass, weight = prior_grid(loc, x)
    evidence = mass @ weight
    slope = mass @ (weight * shift) / evidence
    assert slope == pytest.approx((x - loc) / 2)
    # The delta method, with p = E w: the bias of Σ w h / Σ w is −(Cov(wh, w) − slope · Var w) / (M p²), and that of
    # log (1/M) Σ w is −Var w / (2 M p²).
    coefficient = -(mass @ (weight * (shift - slope) * (weight - evidence))) / evidence**2
    log_coefficient = -(mass @ (weight - evidence) ** 2) / (2 * evidence**2)
    log_evidence = stats.norm.logpdf(x, loc, 2**0.5)
    remainders = []
    for samples in (250, 500, 1000):
        gradient, objective = naive_mean(loc, x, samples)
        remainders.append(
            [samples * (gradient - slope) / coefficient - 1, samples * (objective - log_evidence) / log_coefficient - 1]
        )
    # What is left of M · bias after its limit is O(1/M), so it halves as M doubles.
    assert np.abs(remainders[-1]).max() < 0.01
    np.testing.assert_allclose(np.array(remainders[:-1]) / remainders[1:], 2, rtol=0.05)


def test_refuses_enumeration():
    task, x = task_and_batch(1)
    with pytest.raises(Unfit, match="needs discrete latents; site 'z' of linear-gaussian is Normal"):
        Enumerate().require(task, x, 1)
