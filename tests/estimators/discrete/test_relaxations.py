"""Biased relaxations: where each is exact, where it is not, and what its mean is then."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.machine.device import observations
from estimators.base import Bias, Estimator, Unfit
from estimators.discrete.gumbel_rao import GumbelRao
from estimators.discrete.gumbel_softmax import GumbelSoftmax
from estimators.discrete.muprop import MuProp
from estimators.discrete.rebar import Rebar
from estimators.discrete.reinmax import ReinMax
from estimators.discrete.relax import Relax
from estimators.discrete.st_gumbel_softmax import STGumbelSoftmax
from estimators.discrete.straight_through import StraightThrough
from tasks.base import Task
from tasks.latent_variables.sbn_tiny import SBNTiny
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.categorical_toy import CategoricalToy, Cost
from tests.estimators.exactness import linear_gaussian, misses
from tests.estimators.tiny import Bits, Choice, Counts
from tests.gradients import exact_gradient, mean_differs, replicate

HARD = [STGumbelSoftmax, StraightThrough, ReinMax, GumbelRao]
BIASED = [GumbelSoftmax, *HARD]
ALL = [*BIASED, Rebar, Relax, MuProp]


def toy(cost: Cost, dim: int = 1) -> CategoricalToy:
    return CategoricalToy(cost, classes=3, dim=dim)


def bernoulli_quadratic() -> BernoulliQuadratic:
    """Return the task away from probability one half, where estimators with a bias may show none."""
    task = BernoulliQuadratic(dim=2)
    task.guide.logits.data.copy_(torch.tensor([0.8, -1.5]))
    return task


def sbn(layers: int) -> SBNTiny:
    torch.manual_seed(5)
    task = SBNTiny("nonlinear" if layers == 1 else "linear", layers=layers, latent=2)
    task.initialise(task.load())
    return task


def test_straight_through_is_exact_for_a_linear_cost_and_for_no_other():
    assert not misses(StraightThrough(), toy("linear", dim=2), samples=1)
    assert misses(StraightThrough(temperature=0.5), toy("linear"), samples=1)
    assert misses(StraightThrough(), toy("quadratic"), samples=1)
    assert misses(StraightThrough(), bernoulli_quadratic(), samples=1)


def test_straight_through_has_no_variance_where_it_is_exact():
    draws = replicate(toy("linear"), StraightThrough(), toy("linear").load().train, count=100)
    assert draws.gradients["guide.logits"].std(0).max() < 1e-12


@pytest.mark.parametrize("build", [lambda: toy("quadratic"), lambda: toy("quadratic", dim=2), bernoulli_quadratic])
def test_reinmax_is_exact_for_a_quadratic_cost(build: Callable[[], Task]):
    assert not misses(ReinMax(), build(), samples=1)
    assert not misses(ReinMax(), build(), samples=3)


def test_reinmax_is_not_exact_for_a_cubic_cost_or_another_temperature():
    assert misses(ReinMax(), toy("cubic"), samples=1)
    assert misses(ReinMax(temperature=0.5), toy("quadratic"), samples=1)


@pytest.mark.parametrize("make", BIASED)
def test_all_are_biased_on_a_cubic_cost_and_say_so(make: Callable[[], Estimator]):
    task = toy("cubic", dim=2)
    x = task.load().train
    gradients = replicate(task, make(), x, samples=2).gradients["guide.logits"].flatten(1)
    assert mean_differs(gradients, exact_gradient(task, "expectation", x)[:-1])
    assert not make().unbiased


@pytest.mark.parametrize("make", HARD)
def test_hard_samples_give_an_unbiased_objective_and_model_gradient(make: Callable[[], Estimator]):
    task = Choice()
    x = task.load().train
    exact = exact_gradient(task, "elbo", x)
    draws = replicate(task, make(), x, samples=2)
    model = torch.cat([value.flatten(1) for name, value in draws.gradients.items() if name.startswith("model.")], 1)
    guide = torch.cat([value.flatten(1) for name, value in draws.gradients.items() if name.startswith("guide.")], 1)
    assert not mean_differs(draws.objectives[:, None], exact[-1:])
    assert not mean_differs(model, exact[guide.shape[1] : -1])
    assert mean_differs(guide, exact[: guide.shape[1]])


@pytest.mark.parametrize("build", [lambda: toy("cubic", dim=2), bernoulli_quadratic, Choice])
def test_gumbel_rao_has_the_mean_of_straight_through_gumbel_softmax_and_less_variance(build: Callable[[], Task]):
    task = build()
    x = task.load().train
    averaged = replicate(task, GumbelRao(draws=20), x).matrix()
    single = replicate(task, STGumbelSoftmax(), x, seed=1).matrix()
    one = replicate(task, GumbelRao(draws=1), x, seed=2).matrix()
    zero = torch.zeros(averaged.shape[1], dtype=averaged.dtype)
    assert not mean_differs(averaged - single, zero)
    assert not mean_differs(one - single, zero)
    guide = sum(parameter.numel() for parameter in task.guide.parameters())
    assert averaged[:, :guide].var(0).sum() < 0.9 * single[:, :guide].var(0).sum()
    other = replicate(task, GumbelRao(temperature=1.0), x).matrix()
    assert mean_differs(other - single, zero)


def relaxed_gradient(f: Callable[[Tensor], Tensor], logit: float, temperature: float) -> Tensor:
    """Return d/dlogit ∫ f(σ((logit + log u − log(1 − u))/τ)) du by the midpoint rule; its error is below 1e-8."""
    at = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
    # The midpoint rule in a variable that flattens both ends, u = 3t² − 2t³.
    t = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    u, weight = 3 * t**2 - 2 * t**3, 6 * t * (1 - t)
    value = (weight * f(((at + u.log() - (1 - u).log()) / temperature).sigmoid())).mean()
    return torch.autograd.grad(value, at)[0]


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_gumbel_softmax_is_unbiased_for_the_relaxed_objective(temperature: float):
    task = bernoulli_quadratic()
    draws = replicate(task, GumbelSoftmax(temperature), task.load().train, samples=2).gradients["guide.logits"]
    relaxed = torch.stack([relaxed_gradient(lambda y: (y - 0.45) ** 2, logit, temperature) for logit in (0.8, -1.5)])
    assert not mean_differs(draws, relaxed)
    assert mean_differs(draws, exact_gradient(task, "expectation", task.load().train)[:-1])


def test_gumbel_softmax_bias_falls_with_the_temperature():
    exact = exact_gradient(bernoulli_quadratic(), "expectation", bernoulli_quadratic().load().train)[:-1]
    bias = [
        torch.stack([relaxed_gradient(lambda y: (y - 0.45) ** 2, logit, t) for logit in (0.8, -1.5)]) - exact
        for t in (1.0, 0.3, 0.1)
    ]
    sizes = [float(one.norm()) for one in bias]
    assert sizes[0] > sizes[1] > 2 * sizes[2] > 0


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("build", [lambda: sbn(3), Choice, Bits, lambda: Bits(chained=True)])
def test_every_layer_gets_a_gradient(make: Callable[[], Estimator], build: Callable[[], Task]):
    task = build()
    x = observations(task, task.load().train[:2])
    estimator = make()
    estimator.prepare(task, x)
    gradients = replicate(task, estimator.double(), x, samples=2, count=50).gradients
    for name, value in gradients.items():
        assert value.isfinite().all()
        assert value.abs().max() > 0, name


@pytest.mark.parametrize("make", ALL)
def test_latents_that_cannot_be_relaxed_are_refused(make: Callable[[], Estimator]):
    for task in (linear_gaussian(), Counts()):
        with pytest.raises(Unfit, match=r"needs discrete latents|site 'z' of Counts does not fit: Poisson"):
            make().require(task, task.load().train, 1)


@pytest.mark.parametrize("make", [GumbelSoftmax, STGumbelSoftmax, StraightThrough, ReinMax, Rebar, Relax])
def test_temperatures_are_positive(make: Callable[..., Estimator]):
    with pytest.raises(ValueError, match="temperature must be positive; it is 0"):
        make(temperature=0)


@pytest.mark.parametrize("make", [GumbelSoftmax, STGumbelSoftmax, StraightThrough, ReinMax])
def test_above_a_temperature_of_one_the_sign_alone_is_claimed(make: Callable[[float], Estimator]):
    assert [make(1.0).bias_claim, make(1.5).bias_claim] == [Bias(), Bias(within=math.inf)]
