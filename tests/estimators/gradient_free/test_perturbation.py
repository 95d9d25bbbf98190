"""Finite differences: evolution strategies are exact for the smoothed target, SPSA is biased O(c²)."""

import pytest
import torch

from estimators.base import Unfit
from estimators.distributions.parameters import parameters, rebuild, rebuild_unconstrained, unconstrained
from estimators.gradient_free.evolution_strategies import EvolutionStrategies
from estimators.gradient_free.spsa import SPSA
from tasks.base import Task
from tasks.latent_variables.gamma_poisson import GammaPoisson
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianCosine, GaussianQuadratic
from tests.estimators.exactness import exact_gradient_of, lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import exact_gradient, mean_differs, replicate


@pytest.mark.parametrize("task", [GaussianQuadratic(), GaussianCosine(), lecture_weights(), linear_gaussian()])
@pytest.mark.parametrize("size", [0.1, 0.5])
def test_evolution_strategies_hit_the_smoothed_target(task: Task, size: float):
    assert not misses(EvolutionStrategies(size), task, samples=2)


def test_smoothed_quadratic_in_closed_form():
    """E over δ of (μ + cδ₁ − k)² + σ² e^{2cδ₂} = (μ − k)² + c² + σ² e^{2c²}."""
    task, c = GaussianQuadratic(k=3.0, loc=1.0, scale=1.5), 0.4
    loc, scale = torch.tensor([1.0, 1.5], dtype=torch.float64, requires_grad=True)
    value = (loc - 3) ** 2 + c**2 + scale**2 * torch.exp(torch.tensor(2 * c**2, dtype=torch.float64))
    found = exact_gradient_of(EvolutionStrategies(c), task, task.load().train, 1)
    expected = torch.stack([2 * (loc - 3), 2 * scale * torch.exp(torch.tensor(2 * c**2)), value]).detach()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("task", [GaussianQuadratic(), lecture_weights()])
def test_evolution_strategies_miss_the_target_itself_when_they_are_wide(task: Task):
    x = task.load().train
    draws = replicate(task, EvolutionStrategies(0.5), x, samples=2, count=50_000).matrix()
    assert mean_differs(draws, exact_gradient(task, task.target, x))


def test_spsa_bias_falls_as_the_square_of_its_size():
    """On (z − k)², f(u ± cΔ) is quadratic in μ; in ln σ the difference quotient of σ² is σ² sinh(2c)/c."""
    task = GaussianQuadratic(loc=1.0, scale=1.5)
    x = task.load().train
    for size in (0.1, 0.4):
        draws = replicate(task, SPSA(size), x, samples=2, count=100_000).matrix()[:, :2]
        c = torch.tensor(size, dtype=torch.float64)
        quotient = torch.stack([torch.tensor(-4.0, dtype=torch.float64), 1.5 * torch.sinh(2 * c) / c])
        assert not mean_differs(draws, quotient)
    assert mean_differs(draws, torch.tensor([-4.0, 3.0], dtype=torch.float64))


@pytest.mark.parametrize("task", [BernoulliQuadratic(dim=2), Bits(), Bits(chained=True), linear_gaussian(2)])
def test_spsa_with_a_small_step_is_all_but_unbiased(task: Task):
    """At c = 0.02 the bias, O(c²), hides below the noise of this many draws."""
    assert not misses(SPSA(0.02), task, samples=2, count=20_000)


def test_refuses_rejection_samplers_and_empty_steps():
    task = GammaPoisson(n=2)
    with pytest.raises(Unfit, match="same noise"):
        SPSA().require(task, task.load().train, 1)
    with pytest.raises(ValueError, match="positive"):
        EvolutionStrategies(0.0)


def test_parameters_there_and_back():
    normal = torch.distributions.Normal(torch.zeros(2, 3), torch.full((2, 3), 0.5))
    distribution = torch.distributions.Independent(normal, 1)
    assert set(parameters(distribution)) == {"loc", "scale"}
    torch.testing.assert_close(unconstrained(distribution)["scale"], torch.full((2, 3), 0.5).log())
    for again in (
        rebuild(distribution, parameters(distribution)),
        rebuild_unconstrained(distribution, unconstrained(distribution)),
    ):
        assert again.event_shape == (3,)
        torch.testing.assert_close(parameters(again)["scale"], normal.scale)
    bernoulli = torch.distributions.Bernoulli(probs=torch.tensor([0.2]))
    assert list(parameters(bernoulli)) == ["logits"]


def test_a_triangular_factor_is_a_parameter():
    factor = torch.tensor([[0.5, 0.0], [-0.3, 2.0]])
    normal = torch.distributions.MultivariateNormal(torch.ones(3, 2), scale_tril=factor.expand(3, 2, 2))
    assert set(parameters(normal)) == {"loc", "scale_tril"}
    free = unconstrained(normal)["scale_tril"][0]
    torch.testing.assert_close(free, torch.tensor([[0.5, 0.0], [-0.3, 2.0]]).tril(-1) + factor.diagonal().log().diag())
    moved = {"loc": torch.zeros(3, 2), "scale_tril": unconstrained(normal)["scale_tril"] + 1}
    again = rebuild_unconstrained(normal, moved)
    assert isinstance(again, torch.distributions.MultivariateNormal)
    expected = torch.tensor([[0.5, 0.0], [0.0, 2.0]]) * torch.e + torch.tensor([[0.0, 0.0], [0.7, 0.0]])
    torch.testing.assert_close(again.scale_tril[0], expected)
