"""The parameters of distributions that have several names for the same."""

from collections.abc import Callable

import pytest
import torch
from torch.distributions import MultivariateNormal

from estimators.base import Estimator, Unfit
from estimators.distributions.parameters import parameters, rebuild_unconstrained, unconstrained
from estimators.evidence.naive_mc import NaiveMC
from estimators.gradient_free.evolution_strategies import EvolutionStrategies
from estimators.gradient_free.spsa import SPSA
from estimators.score_function.reinforce_optimal import ReinforceOptimal
from tasks.latent_variables.ppca import PPCA
from tasks.regression.logistic_regression import LogisticRegression
from tests.gradients import exact_gradient, mean_differs, replicate


def test_a_normal_with_full_covariance_has_one_factor():
    factor = torch.tensor([[1.0, 0.0], [0.5, 2.0]])
    normal = MultivariateNormal(torch.tensor([[1.0, 2.0]]), scale_tril=factor)
    assert set(parameters(normal)) == {"loc", "scale_tril"}
    again = rebuild_unconstrained(normal, unconstrained(normal))
    torch.testing.assert_close(again.mean, normal.mean)
    assert isinstance(again, MultivariateNormal)
    torch.testing.assert_close(again.covariance_matrix, normal.covariance_matrix)


@pytest.mark.parametrize("make", [ReinforceOptimal, SPSA, EvolutionStrategies])
def test_estimators_that_vary_them_run_with_it(make: Callable[[], Estimator]):
    torch.manual_seed(3)
    task = PPCA(3, 2, "full", n=8)
    x = task.load().train[:2]
    draws = replicate(task, make(), x, samples=2, count=5_000)
    guide = torch.cat([draws.gradients[name].flatten(1) for name in ("guide.weight", "guide.factor")], 1)
    assert bool(guide.isfinite().all())
    if make is ReinforceOptimal:
        assert not mean_differs(draws.matrix(), exact_gradient(task, "elbo", x))


def test_where_there_is_no_theta_an_estimator_of_theta_alone_is_refused():
    task = LogisticRegression("toy")
    with pytest.raises(Unfit, match=r"naive-mc trains only θ, .* of logistic-regression has nothing to train"):
        NaiveMC().require(task, task.prepare(task.load().train), 5)
