"""Every family as a guide: the mean gradient of estimators of each kind, and who refuses it.

Each test of a mean raises a false alarm once in 10⁶ (`mean_differs`).
"""

from collections.abc import Callable

import pytest

from estimators.base import Estimator, Unfit
from estimators.discrete.enumerate import Enumerate
from estimators.gradient_free.evolution_strategies import EvolutionStrategies
from estimators.gradient_free.spsa import SPSA
from estimators.pathwise.measure_valued import MeasureValued
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from estimators.score_function.reinforce_optimal import ReinforceOptimal
from tests.estimators.exactness import misses
from tests.estimators.tiny import FAMILIES, Squares
from tests.gradients import replicate

PATHS = {"Laplace", "StudentT", "LogNormal", "LowRankMultivariateNormal"}
WEAK = {"Poisson", "Laplace", "LogNormal", "Binomial", "Geometric"}
REJECTED = {"Poisson", "StudentT", "NegativeBinomial"}


def refuses(estimator: Estimator, family: str, why: str) -> None:
    task = Squares(family)
    with pytest.raises(Unfit, match=why):
        estimator.require(task, task.load().train, 2)


@pytest.mark.parametrize("make", [ReinforceLOO, ReinforceOptimal])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores(family: str, make: Callable[[], Estimator]):
    assert not misses(make(), Squares(family), samples=2, count=20_000)


@pytest.mark.parametrize("family", FAMILIES)
def test_paths(family: str):
    if family in PATHS:
        assert not misses(Reparam(), Squares(family), samples=2, count=20_000)
    else:
        refuses(Reparam(), family, f"needs reparameterizable latents; site 'z' of Squares is {family}")


@pytest.mark.parametrize("family", FAMILIES)
def test_weak_derivatives(family: str):
    if family in WEAK:
        assert not misses(MeasureValued(), Squares(family), samples=1, count=20_000)
    else:
        refuses(MeasureValued(), family, f"no weak derivative is known for {family}")


@pytest.mark.parametrize("sampling", ["antithetic", "rqmc"])
@pytest.mark.parametrize("family", FAMILIES)
def test_structured_noise(family: str, sampling: str):
    estimator = Reinforce(sampling=sampling)  # pyright: ignore[reportArgumentType]
    if family in REJECTED:
        refuses(estimator, family, f"{family} is drawn by rejection")
    else:
        assert not misses(estimator, Squares(family), samples=2, count=20_000)


@pytest.mark.parametrize("make", [SPSA, EvolutionStrategies])
@pytest.mark.parametrize("family", FAMILIES)
def test_perturbed_parameters(family: str, make: Callable[[], Estimator]):
    task = Squares(family)
    if family in REJECTED:
        refuses(make(), family, f"{family} is drawn by rejection")
    else:
        draws = replicate(task, make(), task.load().train, samples=2, count=50).matrix()
        assert bool(draws.isfinite().all())
        assert bool((draws.std(0) > 0).all())


@pytest.mark.parametrize("family", FAMILIES)
def test_enumeration(family: str):
    if family == "Binomial":
        assert not misses(Enumerate(), Squares(family), samples=1, count=2)
    elif family not in PATHS:
        refuses(Enumerate(), family, f"{family} has no finite support")


def test_another_gradient_is_found_out():
    task = Squares("Laplace")
    exact = task.exact
    task.exact = lambda target, x, samples: exact(target, x, samples) * 1.1  # type: ignore[method-assign]
    assert misses(ReinforceLOO(), task, samples=2, count=20_000)
