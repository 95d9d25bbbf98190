"""An ELBO is reconstruction less divergence, at the same draws; where log p(x, z) does not split, neither is known."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Dirichlet, Distribution, MultivariateNormal, Normal, kl_divergence

from bench.evaluation.bounds import Elbo, evaluate_bounds, evaluate_train
from tasks.base import Draw, Task
from tasks.latent_variables.dirichlet_multinomial import DirichletMultinomial
from tasks.latent_variables.linear_gaussian import LinearGaussian, LinearGaussianModel
from tasks.regression.polynomial_regression import PolynomialRegression
from tasks.toys.lecture_weights import LectureWeights

FIVE = 5
"""Standard errors: a false alarm in 10⁶ comparisons."""


class Sites:
    """A `draw` that keeps the distributions of the sites."""

    def __init__(self) -> None:
        self.found: list[Distribution] = []

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        self.found.append(distribution)
        return distribution.sample()[None]


def bound(task: Task, rows: Tensor, samples: int = 200) -> Elbo:
    return evaluate_bounds(task, rows, samples, 0, "test", lambda share: None).elbo


def moved(task: Task) -> Task:
    """Return a task at parameters where neither part of its ELBO is zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for value in task.parameters():
            value += 0.3 * torch.randn_like(value)
    return task


def require_sum(elbo: Elbo) -> tuple[float, float]:
    """Require that the parts make up the ELBO, and return them."""
    assert elbo.reconstruction is not None
    assert elbo.kl is not None
    assert elbo.reconstruction.value - elbo.kl.value == pytest.approx(elbo.value, rel=1e-12)
    return elbo.reconstruction.value, elbo.kl.value


@pytest.mark.parametrize("count", [1, 40])
def test_the_parts_are_those_of_the_closed_form(count: int) -> None:
    """q = N(m, ⅔ I) against p = N(μ, I); E log p(x|z) with x|z ~ N(z, I)."""
    task = moved(LinearGaussian(dim=2, n=40))
    assert isinstance(task, LinearGaussian)
    rows = task.load().test[:count]
    found = bound(task, rows, 4000 if count == 1 else 400)
    require_sum(found)
    assert found.kl is not None
    assert found.reconstruction is not None
    with torch.no_grad():
        mean = task.guide.mean(rows)
        kl = kl_divergence(Normal(mean, (2 / 3) ** 0.5), Normal(task.model.loc, 1.0)).sum(-1)
        fit = Normal(mean, 1.0).log_prob(rows).sum(-1) - 0.5 * 2 * 2 / 3
    draws = count * (4000 if count == 1 else 400)
    # The error of the draws alone: the same rows are in both. The variance of either part given x is below 9.
    error = 3 / draws**0.5
    assert found.kl.value == pytest.approx(float(kl.mean()), abs=FIVE * error)
    assert found.reconstruction.value == pytest.approx(float(fit.mean()), abs=FIVE * error)
    assert float(kl.mean()) > 3 * FIVE * error
    assert 0 < found.kl.se < 1


def test_a_latent_that_is_no_gaussian_is_split_likewise() -> None:
    task = DirichletMultinomial()
    row = task.load().train[:1]
    found = bound(task, row, 4000)
    require_sum(found)
    sites = Sites()
    with torch.no_grad():
        task.guide(task.prepare(row), sites)
        task.model.prior(task.prepare(row), sites)
    q, prior = sites.found
    assert isinstance(q, Dirichlet)
    assert found.kl is not None
    assert abs(found.kl.value - float(kl_divergence(q, prior))) < FIVE * found.kl.se < 0.2


def test_shared_latents_are_split_on_training_rows_and_not_in_predictions() -> None:
    task = moved(PolynomialRegression())
    assert isinstance(task, PolynomialRegression)
    data = task.load()
    found = evaluate_train(task, data, 0)
    require_sum(found)
    sites = Sites()
    with torch.no_grad():
        task.guide(task.prepare(data.train), sites)
    q, alpha = sites.found[0], float(task.model.log_precision.detach().exp())
    variance = torch.as_tensor(q.variance[0])
    covariance = q.covariance_matrix[0] if isinstance(q, MultivariateNormal) else variance.diag()
    prior = MultivariateNormal(torch.zeros_like(variance), torch.eye(len(variance), dtype=torch.float64) / alpha)
    exact = kl_divergence(MultivariateNormal(q.mean[0], covariance), prior).item()
    assert found.kl is not None
    assert abs(found.kl.value - exact) < FIVE * found.kl.se
    assert (bound(task, data.test).reconstruction, bound(task, data.test).kl) == (None, None)


def test_a_joint_that_does_not_split_has_no_parts() -> None:
    task = LectureWeights()
    found = bound(task, task.load().test)
    assert (found.reconstruction, found.kl) == (None, None)


def test_a_prior_that_refuses_the_draws_of_the_guide_leaves_the_elbo_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    task = LinearGaussian(dim=2, n=8)
    rows = task.load().test
    before = bound(task, rows)

    def refuses(model: LinearGaussianModel, x: Tensor, draw: Draw) -> None:
        raise ValueError("the value must be within the support")

    monkeypatch.setattr(LinearGaussianModel, "prior", refuses)
    found = bound(task, rows)
    assert (found.value, found.se) == (before.value, before.se)
    assert (found.reconstruction, found.kl) == (None, None)
