"""The Bayesian mixture and the 20-component one: densities by scipy, exact bounds, the prior's share of a minibatch."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from estimators import INDEX as ESTIMATORS
from estimators.discrete.enumerate import Enumerate
from estimators.draw import Detached, Replayed
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tasks.latent_variables.gaussian_mixture import GaussianMixture
from tasks.latent_variables.gaussian_mixture_20 import GaussianMixture20
from tests.gradients import exact_gradient, mean_differs, replicate

N = 6


@torch.no_grad()
def moved(task: Task, seed: int = 1) -> Task:
    torch.manual_seed(seed)
    for parameter in task.parameters():
        parameter += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task


def mixture() -> tuple[GaussianMixture, Tensor]:
    task = GaussianMixture(components=3, hidden=3, n=N)
    moved(task)
    return task, task.load().train


def line() -> tuple[GaussianMixture20, Tensor]:
    task = GaussianMixture20(components=4, hidden=3)
    moved(task)
    return task, task.load().train[:N]


def densities(task: GaussianMixture, x: Tensor) -> tuple[np.ndarray, float]:
    """Return log π_c N(x; μ_c, Λ_c⁻¹), [B, C], and log p(π, μ, Λ), by scipy."""
    with torch.no_grad():
        root = task.model.cholesky()
        precision = (root @ root.mT).numpy()
        weights, loc = task.model.logits.softmax(-1).numpy(), task.model.loc.numpy()
    joint = np.stack(
        [
            math.log(p) + stats.multivariate_normal.logpdf(x.numpy(), m, np.linalg.inv(s))
            for p, m, s in zip(weights, loc, precision, strict=True)
        ],
        1,
    )
    prior = stats.dirichlet.logpdf(weights, np.full(3, 2.0))
    for m, s in zip(loc, precision, strict=True):
        prior += stats.wishart.logpdf(s, 4, np.eye(2) / 4)
        prior += stats.multivariate_normal.logpdf(m, np.zeros(2), np.linalg.inv(0.05 * s))
    return joint, float(prior)


def test_the_whole_data_s_evidence_is_log_p_of_data_and_parameters():
    task, x = mixture()
    joint, prior = densities(task, x)
    evidence = task.exact("evidence", x, 1)
    assert evidence is not None
    assert N * evidence.mean().item() == pytest.approx(np.logaddexp.reduce(joint, 1).sum() + prior, rel=1e-10)


def test_the_gap_of_the_mixture_is_the_divergence():
    task, x = mixture()
    joint, _ = densities(task, x)
    posterior = np.exp(joint - np.logaddexp.reduce(joint, 1)[:, None])
    guide = task.guide.network(x).detach().softmax(-1).numpy()
    bounds = [task.exact("elbo", x, 1), *(task.exact("iwae", x, samples) for samples in (1, 2, 4))]
    elbo, one, two, four = (bound for bound in bounds if bound is not None)
    evidence = task.exact("evidence", x, 1)
    assert evidence is not None
    np.testing.assert_allclose((evidence - elbo).detach(), stats.entropy(guide, posterior, axis=1), rtol=1e-9)
    torch.testing.assert_close(one, elbo)
    assert bool(((elbo < two) & (two < four) & (four < evidence)).all())


def test_an_estimator_s_minibatch_gradients_are_unbiased_for_the_whole_objective():
    task, x = mixture()
    whole = torch.autograd.grad(_log_joint_of_everything(task, x), list(task.parameters()), allow_unused=True)
    found = []
    for pair in itertools.combinations(range(N), 2):
        estimate = Enumerate().estimate(task, x[list(pair)], 1)
        gradients = torch.autograd.grad(estimate.surrogate.mean(), list(task.parameters()))
        found.append(torch.cat([gradient.flatten() for gradient in gradients]))
    expected = torch.cat([gradient.flatten() for gradient in whole if gradient is not None]) / N
    torch.testing.assert_close(torch.stack(found).mean(0), expected)
    # Without the prior's share, or with N/|B| of it, that would be another number.
    prior = torch.autograd.grad(task.model.log_prior(), list(task.model.parameters()))
    assert all(bool((gradient.abs() > 1e-3).any()) for gradient in prior)


def _log_joint_of_everything(task: GaussianMixture, x: Tensor) -> Tensor:
    """Return log p(θ) + Σ_n ELBO_n, written out without the division by N."""
    log_q = task.guide.network(x).log_softmax(-1)
    return task.model.log_prior() + (log_q.exp() * (task.model.log_components(x) - log_q)).sum()


@pytest.mark.parametrize("make", [mixture, line])
def test_log_joint_is_the_prior_s_and_the_likelihood_s_and_draws_follow_it(make):
    task, x = make()
    draw = Detached(3)
    task.model.prior(x, draw)
    z = draw.trace.latents["z"]
    share = task.model.log_prior() / task.n if isinstance(task, GaussianMixture) else 0
    evidence = torch.stack(
        [task.model(x, {"z": one.expand(1, len(x), -1)})[0] for one in torch.eye(z.shape[-1]).double()]
    )
    torch.testing.assert_close(evidence.logsumexp(0), task.exact("evidence", x, 1))
    component = z[:1, :1].expand(20_000, 1, -1)
    torch.manual_seed(0)
    drawn = task.model.simulate({"z": component})[:, 0]
    log_likelihood = task.model(drawn, {"z": component[:1].expand(1, 20_000, -1)})[0] - share
    log_likelihood = (log_likelihood - draw.trace.log_prob()[0, 0]).detach()
    # E log p is minus the entropy, ½ log |2πe Σ|, if draws and density are those of one Gaussian. Six standard errors.
    entropy = 0.5 * math.log(np.linalg.det(2 * math.pi * math.e * np.atleast_2d(_covariance(task, component[0, 0]))))
    size = drawn.shape[1]
    assert float(log_likelihood.mean()) == pytest.approx(-entropy, abs=6 * math.sqrt(size / 2 / 20_000))


def _covariance(task: Task, component: Tensor) -> np.ndarray:
    if isinstance(task, GaussianMixture20):
        return np.array([[25.0]])
    assert isinstance(task, GaussianMixture)
    root = task.model.cholesky()[int(component.argmax())].detach()
    return torch.linalg.inv(root @ root.mT).numpy()


def test_the_20_component_posterior_and_how_far_the_guide_is_from_it():
    task = GaussianMixture20()
    x = task.load().test[:5]
    with torch.no_grad():
        guide = task.guide.network(x).softmax(-1).numpy()
        distance = task.distance_to_truth(x).numpy()
    weights = np.arange(5, 25) / np.arange(5, 25).sum()
    joint = weights * stats.norm.pdf(x.numpy(), 10 * np.arange(20), 5)
    posterior = joint / joint.sum(1, keepdims=True)
    np.testing.assert_allclose(distance, np.sqrt(((guide - posterior) ** 2).sum(1)), rtol=1e-10)


def test_a_guide_that_is_the_true_posterior_is_at_no_distance():
    task = GaussianMixture20()
    x = task.load().test
    # Of components of one variance, the log odds are linear in x.
    means = 10 * torch.arange(20).double()
    exact = torch.nn.Linear(1, 20).double()
    with torch.no_grad():
        exact.weight.copy_(means[:, None] / 25)
        exact.bias.copy_((5 + torch.arange(20).double()).log() - means**2 / 50)
        task.guide.network = exact
        assert float(task.distance_to_truth(x).max()) < 1e-10
        task.model.logits.copy_(2 * (5 + torch.arange(20).double()).log())
        torch.testing.assert_close(task.exact("elbo", x, 1), task.exact("evidence", x, 1))


def test_the_20_components_have_the_data_s_weights():
    task = GaussianMixture20()
    train = task.load().train[:, 0]
    assert train.shape == (10_000,)
    weights = np.arange(5, 25) / np.arange(5, 25).sum()
    mean = 10 * weights @ np.arange(20)
    spread = math.sqrt(25 + 100 * weights @ np.arange(20) ** 2 - mean**2)
    # Six standard errors.
    assert float(train.mean()) == pytest.approx(mean, abs=6 * spread / 100)
    # The start is far off: hardly anything is where most of the data are.
    start = (0.5 * task.model.logits.detach()).softmax(-1)
    assert float(start[10:].sum()) < 1e-3


@pytest.mark.parametrize("make", [mixture, line])
def test_unbiased(make):
    task, x = make()
    draws = replicate(task, ReinforceLOO(), x, samples=2, count=20_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_log_q_sums_to_one():
    task, x = mixture()
    draw = Replayed({"z": torch.eye(3).double()[:, None].expand(-1, N, -1)})
    task.guide(x, draw)
    torch.testing.assert_close(draw.trace.log_prob().logsumexp(0), torch.zeros(N).double())


@pytest.mark.parametrize("cls", [GaussianMixture, GaussianMixture20])
def test_references_are_estimators(cls: type[Task]):
    assert {name.partition("(")[0] for name in cls.references.values()} <= set(ESTIMATORS)


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least 2 components, 1 unit and 1 datapoint; there are 1, 20, 1000"):
        GaussianMixture(components=1)
    with pytest.raises(ValueError, match="at least 2 components and 1 unit; there are 20 and 0"):
        GaussianMixture20(hidden=0)
