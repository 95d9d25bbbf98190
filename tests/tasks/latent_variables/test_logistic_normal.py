from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import LogisticNormal

from estimators.base import Estimator
from estimators.draw import probe
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Target
from tasks.latent_variables.dirichlet_multinomial import DirichletMultinomial
from tasks.latent_variables.logistic_normal import LogisticNormalTask
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_batch(classes: int) -> tuple[LogisticNormalTask, Tensor]:
    """Return a task with parameters that differ between classes, and two observations, one with a count of zero."""
    torch.manual_seed(3)
    task = LogisticNormalTask(classes, trials=6, n=8)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, torch.tensor([[0, 1, 5], [2, 3, 1]], dtype=torch.float64)[:, 3 - classes :]


def log_weights(task: LogisticNormalTask, x: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Return log w on a Gauss–Hermite grid, [S, B], by the densities of torch, and the mass of its points, [S]."""
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(nodes))
    dims = task.classes - 1
    grid = torch.stack(torch.meshgrid([noise] * dims, indexing="ij"), -1).reshape(-1, 1, dims)
    masses = torch.stack(torch.meshgrid([mass / mass.sum()] * dims, indexing="ij")).prod(0).flatten()
    loc, scale = task.guide.parameters_at(x)
    guide = LogisticNormal(loc, scale)
    z = guide.transforms[0](loc + scale * grid)
    assert isinstance(z, Tensor)
    return task.model(x, {"z": z}) - guide.log_prob(z), masses


def compare(task: LogisticNormalTask, x: Tensor, value: Tensor, target: Target, samples: int, tolerance: float) -> None:
    gradients = torch.autograd.grad(value, list(task.parameters()))
    expected = torch.cat([*(gradient.flatten() for gradient in gradients), value.detach()[None]])
    actual = exact_gradient(task, target, x, samples=samples)
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_elbo_by_gauss_hermite(classes: int):
    task, x = task_and_batch(classes)
    log_weight, mass = log_weights(task, x, 60)
    compare(task, x, (mass @ log_weight).mean(), "elbo", 1, 1e-9)


def test_bound_by_gauss_hermite():
    task, x = task_and_batch(2)
    log_weight, mass = log_weights(task, x, 100)
    pairs = torch.logaddexp(log_weight[:, None], log_weight) - np.log(2)
    compare(task, x, torch.einsum("i,ijb,j->b", mass, pairs, mass).mean(), "iwae", 2, 1e-7)


def test_evidence_by_quadrature():
    task, x = task_and_batch(3)
    log_weight, mass = log_weights(task, x, 100)
    exact = task.exact("evidence", x, 1)
    assert exact is not None
    # The weights grow towards the edges of the simplex, where a Gauss–Hermite rule is at its worst.
    torch.testing.assert_close(torch.log(mass @ log_weight.exp()), exact, atol=1e-3, rtol=0)


def test_model_and_data_are_those_of_the_dirichlet_task():
    task, other = LogisticNormalTask(classes=3, n=20), DirichletMultinomial(classes=3, n=20)
    assert torch.equal(task.load().train, other.load().train)
    x = task.load().train
    torch.testing.assert_close(task.exact("evidence", x, 1), other.exact("evidence", x, 1))


def test_guide_follows_the_proportions():
    task = LogisticNormalTask(classes=3)
    task.guide.weight.data.fill_(1)
    task.guide.log_scale.data.fill_(-20)
    x = torch.tensor([[1, 2, 7], [4, 0, 6]], dtype=torch.float64)
    expected = (x + 0.5) / (10 + 1.5)
    torch.testing.assert_close(probe(task.guide, x).latents["z"][0], expected)


CASES: list[tuple[Callable[[], Estimator], int, Target, int]] = [
    (Reinforce, 3, "elbo", 1),
    (ReinforceLOO, 3, "elbo", 3),
    (Reparam, 3, "elbo", 1),
    (STL, 3, "elbo", 2),
    (IWAE, 2, "iwae", 2),
    (DReG, 2, "iwae", 3),
]


@pytest.mark.parametrize(("make", "classes", "target", "samples"), CASES)
def test_unbiased(make: Callable[[], Estimator], classes: int, target: Target, samples: int):
    (task, x), estimator = task_and_batch(classes), make()
    assert estimator.target(task) == target
    draws = replicate(task, estimator, x, samples=samples, count=20_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


def test_bound_only_where_quadrature_reaches():
    task, x = task_and_batch(3)
    assert task.exact("iwae", x, 2) is None
    task, x = task_and_batch(2)
    assert task.exact("iwae", x, 4) is None
    with pytest.raises(ValueError, match="at least 2; it is 1"):
        LogisticNormalTask(classes=1)
