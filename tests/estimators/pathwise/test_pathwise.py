"""Pathwise and measure-valued estimators against exact gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.distributions.parameters import parameters
from estimators.draw import Reparameterized
from estimators.parts.weak import WeaklyReparameterized, log_gamma_density
from estimators.pathwise.generalized_reparam import GeneralizedReparam
from estimators.pathwise.measure_valued import MeasureValued
from estimators.pathwise.quadratic_cv import QuadraticCV
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.rsvi import RSVI
from tasks.base import Task
from tasks.latent_variables.dirichlet_multinomial import DirichletMultinomial
from tasks.latent_variables.gamma_poisson import GammaPoisson
from tasks.latent_variables.ppca import PPCA
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.categorical_toy import CategoricalToy
from tasks.toys.gaussian import GaussianCosine, GaussianExponential, GaussianQuadratic
from tests.estimators.exactness import lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits, Counts
from tests.gradients import mean_differs, replicate

GAUSSIAN: list[Callable[[], Task]] = [
    lambda: GaussianQuadratic(dim=2),
    GaussianCosine,
    GaussianExponential,
    lecture_weights,
    lambda: linear_gaussian(2),
    lambda: PPCA(n=2),
]
WEAK: list[Callable[[], Estimator]] = [GeneralizedReparam, RSVI, lambda: RSVI(4)]


@pytest.mark.parametrize("build", GAUSSIAN)
@pytest.mark.parametrize("make", [QuadraticCV, MeasureValued])
def test_unbiased_on_gaussians(make: Callable[[], Estimator], build: Callable[[], Task]):
    assert not misses(make(), build(), samples=2, count=20_000)


@pytest.mark.parametrize("build", [lambda: linear_gaussian(2), lambda: PPCA(n=2)])
def test_analytic_divergence_is_unbiased(build: Callable[[], Task]):
    assert not misses(Reparam(kl="analytic"), build(), samples=1, count=20_000)


def test_analytic_divergence_on_gamma_latents():
    assert not misses(Reparam(kl="analytic"), GammaPoisson(dim=2, n=2), samples=1, count=20_000)


def test_analytic_divergence_refuses_costs_and_joint_densities():
    for task, reason in ((GaussianQuadratic(), "ELBO"), (lecture_weights(), "prior")):
        with pytest.raises(Unfit, match=reason):
            Reparam(kl="analytic").require(task, task.load().train, 1)


def test_analytic_divergence_refuses_families_without_one():
    task = GammaPoisson(guide="log-normal", dim=2, n=2)
    with pytest.raises(Unfit, match="no closed form"):
        Reparam(kl="analytic").require(task, task.load().train, 1)


@pytest.mark.parametrize("build", [lambda: GammaPoisson(dim=2, n=2), lambda: DirichletMultinomial(n=2)])
@pytest.mark.parametrize("make", WEAK)
def test_weak_reparameterization_is_unbiased(make: Callable[[], Estimator], build: Callable[[], Task]):
    assert not misses(make(), build(), samples=2, count=40_000)


@pytest.mark.parametrize("make", WEAK)
def test_weak_reparameterization_of_a_gaussian_is_the_plain_one(make: Callable[[], Estimator]):
    task = linear_gaussian(2)
    x = task.load().train
    twins = [replicate(task, e, x, samples=2, count=50, seed=4).matrix() for e in (make(), Reparam())]
    torch.testing.assert_close(*twins)


class WithoutJacobian(WeaklyReparameterized):
    targets = ("elbo",)

    def transform(self, concentration: Tensor) -> tuple[Tensor, Tensor]:
        value, _ = GeneralizedReparam().transform(concentration)
        return value, log_gamma_density(value, concentration)


def test_a_forgotten_jacobian_is_found_out():
    assert misses(WithoutJacobian(), GammaPoisson(dim=2, n=2), samples=2, count=40_000)


def gamma_derivatives(by: WeaklyReparameterized, alpha: float) -> tuple[Tensor, Tensor]:
    """Return draws of the two terms of ∂_α E log z for z ~ Gamma(α, 1); together their mean is ψ₁(α)."""
    torch.manual_seed(0)
    concentration = torch.full((100_000, 1), alpha, dtype=torch.float64, requires_grad=True)
    value, log_noise = by.transform(concentration)
    path, score = value.log(), value.log().detach() * log_noise
    terms = [torch.autograd.grad(term.sum(), concentration, retain_graph=True)[0] for term in (path, score)]
    return terms[0], terms[1]


@pytest.mark.parametrize("alpha", [1.0, 3.0])
@pytest.mark.parametrize("make", [GeneralizedReparam, lambda: RSVI(0), lambda: RSVI(1), lambda: RSVI(5)])
def test_gamma_transformations_with_their_correction(make: Callable[[], WeaklyReparameterized], alpha: float):
    path, score = gamma_derivatives(make(), alpha)
    truth = torch.polygamma(1, torch.tensor([alpha], dtype=torch.float64))
    assert not mean_differs(path + score, truth)


def test_rejection_needs_its_correction_and_less_so_with_augmentation():
    path, score = gamma_derivatives(RSVI(0), 1.0)
    assert mean_differs(path, torch.polygamma(1, torch.ones(1, dtype=torch.float64)))
    # Factors of about 15 and 20, of which the standard errors are a few per cent.
    spread = [float(score.std())] + [float(gamma_derivatives(RSVI(b), 1.0)[1].std()) for b in (1, 4)]
    assert spread[0] > 5 * spread[1] > 25 * spread[2]


@pytest.mark.parametrize("build", [lambda: GaussianQuadratic(dim=2), lambda: linear_gaussian(3)])
def test_quadratic_control_variate_leaves_nothing_on_quadratics(build: Callable[[], Task]):
    task = build()
    draws = replicate(task, QuadraticCV(), task.load().train, samples=1, count=500).gradients
    for name, gradient in draws.items():
        if name.startswith("guide."):
            assert float(gradient.var(0).max()) < 1e-20


class WithoutItsMean(Estimator):
    """The control variate's σ-part is subtracted whole: E g̃_σ = 2 σ is missing from the mean."""

    targets = ("expectation",)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Reparameterized(samples))
        site = run.trace.sites["z"]
        loc, scale = parameters(site.distribution).values()
        offset = (site.value - loc).detach()
        excess = (2 * offset * offset / scale.detach()).mean(0)
        return Estimate(run.f.detach().mean(0), run.f.mean(0) - (excess * scale).sum(-1))


def test_a_control_variate_without_its_mean_is_found_out():
    assert misses(WithoutItsMean(), GaussianQuadratic(), samples=2, count=20_000)


def test_quadratic_control_variate_refuses_other_guides():
    for task in (Bits(), GammaPoisson(n=2)):
        with pytest.raises(Unfit):
            QuadraticCV().require(task, task.load().train, 1)


@pytest.mark.parametrize(
    "build", [lambda: BernoulliQuadratic(dim=3), lambda: CategoricalToy(), Counts, lambda: Bits(chained=False)]
)
@pytest.mark.parametrize("samples", [1, 3])
def test_measure_valued_on_discrete_families(build: Callable[[], Task], samples: int):
    assert not misses(MeasureValued(), build(), samples=samples, count=20_000)


def test_measure_valued_variances_on_the_quadratic():
    """Mohamed et al. 2020, table 3: c²(16/π − 4) for μ and 4c² + 4σ² for σ, c = μ − k, one coupled pair."""
    task = GaussianQuadratic(k=3.0, loc=1.0, scale=1.5)
    count = 100_000
    draws = replicate(task, MeasureValued(), task.load().train, samples=1, count=count).gradients
    c, s = -2.0, 1.5
    for name, expected in (("guide.loc", c**2 * (16 / torch.pi - 4)), ("guide.scale", 4 * c**2 + 4 * s**2)):
        squares = (draws[name].flatten() - draws[name].mean()) ** 2
        # Five standard errors of a sample variance: a false alarm in 2·10⁶.
        assert abs(float(squares.mean()) - expected) < 5 * float(squares.std()) / count**0.5


def test_measure_valued_refuses_dependent_sites_and_other_families():
    for task, reason in ((Bits(chained=True), "depends on another"), (GammaPoisson(n=2), "Gamma")):
        with pytest.raises(Unfit, match=reason):
            MeasureValued().require(task, task.load().train, 1)
