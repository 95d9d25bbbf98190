"""What a dtype does not hold is refused, by what is true of the parameters; what it holds is right."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
    VonMises,
)

from estimators import distributions
from estimators.base import Estimator, Unfit
from estimators.draw import Detached
from estimators.importance_weighted.wake_sleep import WakeSleep
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from tasks.images.vae_dirichlet import VAEDirichlet
from tasks.toys.gamma_weights import GammaWeights
from tests.estimators.exactness import misses
from tests.estimators.tiny import Squares

ONE, TINY = torch.ones(2), torch.full((2,), 1e-20)


def small(value: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor([value, 2.0], dtype=dtype)


REFUSED: dict[str, tuple[Distribution, str]] = {
    "gamma": (Gamma(small(0.05), ONE), r"Gamma with concentration 0\.05, .* 1\.3% .* 0\.0791 or more, or float64"),
    "dirichlet": (Dirichlet(small(0.001)), r"concentration 0\.001, .* below the smallest float32; .* 0\.0791 or more$"),
    "beta at 0": (Beta(small(0.02), ONE), "Beta with concentration1 0.02, .* or float64"),
    "beta at 1": (Beta(ONE, small(0.1)), "Beta with concentration0 0.1, .* round to 1; .* or a Dirichlet of two"),
    "student-t": (StudentT(small(0.05), 0.0, 1.0), "StudentT with df 0.05, .* above the largest float32"),
    "normal": (
        Normal(ONE, TINY),
        "^Normal with scale 1e-20 about ±1, .* less than float32 resolves",
    ),
    "student-t scale": (StudentT(3.0, ONE, TINY), "StudentT with scale 1e-20"),
    "laplace": (Laplace(ONE, TINY), "Laplace with scale 1e-20"),
    "uniform": (Uniform(ONE, ONE + 1e-6), "Uniform with scale"),
    "von-mises": (VonMises(ONE, ONE * 1e14), "VonMises with 1/√concentration 1e-07"),
    "full normal": (MultivariateNormal(ONE, scale_tril=torch.diag(TINY)), "MultivariateNormal with scale 1e-20"),
    "low-rank normal": (
        LowRankMultivariateNormal(ONE, ONE[:, None], TINY),
        "LowRankMultivariateNormal with scale 1e-10",
    ),
    "log-normal, small": (LogNormal(-200 * ONE, ONE), "LogNormal with loc up to 200 .* or float64"),
    "log-normal, narrow": (LogNormal(0 * ONE, TINY), "LogNormal with scale 1e-20"),
}
HELD: dict[str, Distribution] = {
    "gamma": Gamma(small(0.05, torch.float64), torch.ones(2, dtype=torch.float64)),
    "dirichlet": Dirichlet(small(0.08)),
    "beta": Beta(small(0.08), small(0.5)),
    "normal about zero": Normal(0 * ONE, TINY),
    "uniform von-mises": VonMises(ONE, 0 * ONE, validate_args=False),
    "full normal": MultivariateNormal(ONE, scale_tril=torch.eye(2)),
    "log-normal": LogNormal(ONE, ONE),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str):
    distribution, why = REFUSED[case]
    reason = distributions.beyond(Independent(distribution, 0))
    assert reason is not None
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(reason)


@pytest.mark.parametrize("case", HELD)
def test_held(case: str):
    assert distributions.beyond(HELD[case]) is None


@pytest.mark.parametrize("loc", [1.0, 300.0])
def test_a_scale_is_held_from_32_steps_of_the_dtype_on(loc: float):
    at, step = torch.full((2,), loc), torch.finfo(torch.float32).eps * loc
    assert distributions.beyond(Normal(at, 32.1 * step * ONE)) is None
    reason = distributions.beyond(Normal(at, 31.9 * step * ONE))
    assert reason is not None
    assert f"use a scale of {32 * step:.3g} or more" in reason


@pytest.mark.parametrize("estimator", [Reparam(), Reinforce()])
def test_a_task_of_small_concentrations_is_refused_by_name(estimator: Estimator):
    task = GammaWeights(a=0.001)
    why = "site 'z' of gamma-weights is Gamma with concentration 0.001, where 49.2% of draws would be below the"
    with pytest.raises(Unfit, match=why):
        estimator.require(task, task.load().train, 1)


@pytest.mark.parametrize("estimator", [Reparam(), Reinforce()])
def test_a_task_of_the_smallest_concentrations_is_right(estimator: Estimator):
    assert not misses(estimator, GammaWeights(a=0.02), samples=1, count=20_000)


def test_a_scale_below_rounding_is_refused_by_name():
    task = Squares("Laplace")
    with torch.no_grad():
        task.guide.values["scale"].fill_(1e-20)
    with pytest.raises(Unfit, match="site 'z' of Squares is Laplace with scale 1e-20 about"):
        Reparam().require(task, task.load().train, 1)


@pytest.mark.parametrize("alpha", [0.02, 0.5])
def test_what_may_be_lost_is_as_large_as_it_is_said_to_be(alpha: float):
    """Of Gamma draws with α = 0.02, 17% lie below the smallest single-precision number; the others are as drawn."""
    torch.manual_seed(0)
    count = 20_000
    value = distributions.sample(Gamma(torch.full((count,), alpha), 1.0), torch.Size(()))
    tiny = torch.finfo(torch.float32).tiny
    share = tiny**alpha / math.gamma(alpha + 1)
    error = (share * (1 - share) / count) ** 0.5
    # Five standard errors: a false alarm in 2·10⁶.
    assert abs(float((value <= tiny).double().mean()) - share) <= 5 * error + 1e-9


def test_prior_draws_of_a_small_concentration_are_right_and_dreams_of_them_refused():
    """log q at a dream would need logarithms that the draws do not hold; the draws themselves are corners."""
    task = VAEDirichlet(data="5k", concentration=0.001, hidden=8)
    torch.manual_seed(0)
    x, draw = torch.zeros(2, 784), Detached(500)
    task.model.prior(x, draw)
    # E Σ z² = (α + 1) / (L α + 1); a uniform z has 1/L. Five standard errors: a false alarm in 2·10⁶.
    squares = draw.trace.latents["z"].square().sum(-1).flatten()
    expected = (0.001 + 1) / (task.latent * 0.001 + 1)
    assert abs(float(squares.mean()) - expected) < 5 * float(squares.std()) / len(squares) ** 0.5
    Reparam().require(task, x, 1)
    with pytest.raises(Unfit, match="wake-sleep draws from the prior, whose site 'z' is Dirichlet with concentration"):
        WakeSleep().require(task, x, 1)
