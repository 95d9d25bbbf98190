import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.regression.polynomial_regression import (
    TRUE_DEGREE,
    PolynomialModel,
    PolynomialRegression,
    log_evidence_by_degree,
)
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_rows(degree: int = 2, n: int = 6) -> tuple[PolynomialRegression, Tensor]:
    torch.manual_seed(3)
    task = PolynomialRegression(degree, n=n)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, task.load().train


def value(task: PolynomialRegression, target: str, x: Tensor) -> Tensor:
    found = task.exact(target, x, 1)  # pyright: ignore[reportArgumentType]
    assert found is not None
    return found


@pytest.mark.parametrize("degree", [0, 1, 4])
def test_features_are_orthonormal_polynomials_of_the_degree(degree: int):
    nodes, mass = np.polynomial.legendre.leggauss(degree + 1)
    features = PolynomialModel(degree, 1).features(torch.tensor(nodes)[None, :, None])[0]
    gram = torch.einsum("m,md,me->de", torch.tensor(mass) / 2, features, features)
    torch.testing.assert_close(gram, torch.eye(degree + 1, dtype=torch.float64))
    assert np.linalg.matrix_rank(np.column_stack([features, np.vander(nodes, degree + 1)])) == degree + 1


def test_evidence_is_the_density_of_all_rows():
    task, rows = task_and_rows()
    x = task.prepare(rows)
    features = task.model.features(x)[0].numpy()
    precision, noise = task.model.log_precision.exp().item(), task.model.log_noise.exp().item()
    covariance = features @ features.T / precision + noise**2 * np.eye(len(rows))
    expected = stats.multivariate_normal.logpdf(rows[:, 1], np.zeros(len(rows)), covariance)  # pyright: ignore
    np.testing.assert_allclose(value(task, "evidence", x).detach(), [expected])


@pytest.mark.parametrize("count", [6, 3])
def test_elbo_is_evidence_less_divergence_on_all_rows_and_on_a_minibatch(count: int):
    """The likelihood counts N/M times in all three: ELBO, evidence and posterior."""
    task, rows = task_and_rows()
    x = task.prepare(rows[:count])
    guide = MultivariateNormal(task.guide.loc, scale_tril=task.guide.scale_tril(x))
    divergence = kl_divergence(guide, task.model.posterior(x))
    torch.testing.assert_close(value(task, "elbo", x), value(task, "evidence", x) - divergence)


def test_evidence_on_a_minibatch_is_the_integral_of_the_scaled_likelihood():
    task, rows = task_and_rows(degree=1)
    x = task.prepare(rows[:2])
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(100))
    grid = torch.cartesian_prod(noise, noise)[:, None] * torch.exp(-0.5 * task.model.log_precision)
    masses = torch.cartesian_prod(mass, mass).prod(-1) / mass.sum() ** 2
    likelihood = 3 * task.model.log_likelihood(x, {"z": grid}).sum(-1)
    expected = torch.logsumexp(likelihood + masses.log()[:, None], 0)
    torch.testing.assert_close(value(task, "evidence", x), expected)


def test_minibatches_are_unbiased():
    """Over all minibatches of one size, log p(x, z) and the ELBO's gradient have the whole data set's as their mean."""
    task, rows = task_and_rows()
    z = {"z": torch.randn(4, 1, 3, dtype=torch.float64)}
    batches = [task.prepare(rows[list(pair)]) for pair in torch.combinations(torch.arange(6), 2).tolist()]
    whole = task.prepare(rows)
    torch.testing.assert_close(torch.stack([task.model(x, z) for x in batches]).mean(0), task.model(whole, z))
    gradients = torch.stack([exact_gradient(task, "elbo", x) for x in batches])
    torch.testing.assert_close(gradients.mean(0), exact_gradient(task, "elbo", whole))


@pytest.mark.parametrize(("estimator", "samples"), [(Reparam(), 1), (ReinforceLOO(), 2)])
def test_unbiased_on_a_minibatch(estimator: Reparam | ReinforceLOO, samples: int):
    task, rows = task_and_rows()
    x = task.prepare(rows[:3])
    draws = replicate(task, estimator, x, samples=samples, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_evidence_picks_the_true_degree():
    found = log_evidence_by_degree(range(7))
    assert max(found, key=lambda degree: found[degree]) == TRUE_DEGREE
    # Beyond it the price of spreading p(y) grows with each degree.
    beyond = [found[degree] for degree in range(TRUE_DEGREE, 7)]
    assert beyond == sorted(beyond, reverse=True)
    assert found[TRUE_DEGREE] - max(found[TRUE_DEGREE - 1], found[TRUE_DEGREE + 1]) > 1


def test_reported_evidence_is_a_maximum():
    task = PolynomialRegression(1)
    x = task.prepare(task.load().train)
    best = log_evidence_by_degree([1])[1]
    grid = torch.linspace(-3, 3, 25)
    for precision in grid.tolist():
        for noise in grid.tolist():
            task.model.log_precision.data.fill_(precision)
            task.model.log_noise.data.fill_(noise)
            assert value(task, "evidence", x) <= best + 1e-9


def test_refuses_a_negative_degree():
    with pytest.raises(ValueError, match="degree must be at least 0; it is -1"):
        PolynomialRegression(-1)
