from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.stats import norm
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
from tasks.toys.lecture_weights import LectureWeights
from tests.gradients import exact_gradient, mean_differs, replicate

NAMES = ["guide.loc", "guide.scale", "model.log_normaliser", "model.loc"]


def away_from_start(scale: float = 1.1) -> LectureWeights:
    """Return the task with model parameters that are not zero; σ may be negative, as a gradient step may make it."""
    task = LectureWeights()
    task.guide.scale.data.fill_(scale)
    task.model.log_normaliser.data.fill_(0.7)
    task.model.loc.data.fill_(-0.2)
    return task


def test_elbo_by_quadrature():
    actual = exact_gradient(LectureWeights(), "elbo", LectureWeights().load().train)[-1].item()
    z = np.linspace(-11, 15, 4001)
    log_q = norm.logpdf(z, 2, 1.1)
    expected = integrate.simpson(np.exp(log_q) * (norm.logpdf(z) - log_q), x=z)
    assert actual == pytest.approx(expected, abs=1e-9)


def test_elbo_gradient_by_divergence():
    task = away_from_start()
    assert [name for name, _ in task.named_parameters()] == NAMES
    values = [parameter.detach().squeeze().requires_grad_() for parameter in task.parameters()]
    loc, scale, log_normaliser, prior_loc = values
    elbo = log_normaliser - kl_divergence(Normal(loc, scale), Normal(prior_loc, 1))
    expected = torch.stack([*torch.autograd.grad(elbo, values), elbo.detach()])
    for target in ("elbo", "iwae"):
        torch.testing.assert_close(exact_gradient(task, target, task.load().train), expected)


def test_evidence_is_the_normaliser():
    task = away_from_start()
    expected = torch.tensor([0, 0, 1, 0, 0.7], dtype=torch.float64)
    torch.testing.assert_close(exact_gradient(task, "evidence", task.load().train), expected)


@pytest.mark.parametrize("scale", [1.1, -0.8])
@pytest.mark.parametrize(("samples", "nodes"), [(2, 150), (3, 100)])
def test_bound_by_full_gauss_hermite_grid(scale: float, samples: int, nodes: int):
    task = away_from_start(scale)
    values = [parameter.detach().squeeze().requires_grad_() for parameter in task.parameters()]
    loc, spread, log_normaliser, prior_loc = values[0], values[1].abs(), values[2], values[3]
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(nodes))
    z = loc + spread * noise
    log_weight = log_normaliser + Normal(prior_loc, 1).log_prob(z) - Normal(loc, spread).log_prob(z)
    points = torch.stack(torch.meshgrid([log_weight] * samples, indexing="ij"))
    masses = torch.stack(torch.meshgrid([mass / mass.sum()] * samples, indexing="ij")).prod(0)
    bound = (masses * (points.logsumexp(0) - np.log(samples))).sum()
    expected = torch.stack([*torch.autograd.grad(bound, values), bound.detach()])
    actual = exact_gradient(task, "iwae", task.load().train, samples=samples)
    # The reference: Gauss–Hermite converges slowly here, its derivatives still more slowly.
    torch.testing.assert_close(actual, expected, atol=1e-7, rtol=0)


def test_bounds_tighten_and_end():
    task = away_from_start()
    x = torch.zeros(2, 0, dtype=torch.float64)
    bounds = [task.exact("iwae", x, samples) for samples in (1, 2, 3)]
    values = [bound.unique().item() for bound in bounds if bound is not None]
    assert values == sorted(values)
    assert values[-1] < 0.7
    assert task.exact("iwae", x, 4) is None
    assert task.exact("expectation", x, 1) is None


CASES: list[tuple[Callable[[], Estimator], Target, int]] = [
    (Reinforce, "elbo", 1),
    (Reinforce, "elbo", 3),
    (ReinforceEMA, "elbo", 2),
    (ReinforceLOO, "elbo", 2),
    (Reparam, "elbo", 1),
    (STL, "elbo", 1),
    (STL, "elbo", 2),
    (IWAE, "iwae", 1),
    (IWAE, "iwae", 2),
    (IWAE, "iwae", 3),
    (DReG, "iwae", 1),
    (DReG, "iwae", 2),
    (DReG, "iwae", 3),
]


@pytest.mark.parametrize(("make", "target", "samples"), CASES)
def test_unbiased(make: Callable[[], Estimator], target: Target, samples: int):
    task, estimator = away_from_start(), make()
    x = task.load().train
    assert estimator.target(task) == target
    estimator.observe(estimator(task, x, 2))
    draws = replicate(task, estimator, x, samples=samples, count=100_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


@pytest.mark.parametrize("make", [NaiveMC, Enumerate])
def test_refuses_what_needs_a_prior_or_discrete_latents(make: Callable[[], Estimator]):
    task = LectureWeights()
    with pytest.raises(Unfit):
        make().require(task, task.load().train, 2)
