from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from estimators.base import Estimator
from estimators.evidence.naive_mc import NaiveMC
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from tasks.data import DataUnavailable
from tasks.data.logistic import SHAPES, Table
from tasks.parts.guides import Covariance
from tasks.regression.logistic_regression import LogisticRegression
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_rows(data: Table = "toy", covariance: Covariance = "diagonal") -> tuple[LogisticRegression, Tensor]:
    torch.manual_seed(3)
    task = LogisticRegression(data, covariance)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, task.load().train


def exact(task: LogisticRegression, target: str, x: Tensor) -> Tensor:
    value = task.exact(target, x, 1)  # pyright: ignore[reportArgumentType]
    assert value is not None
    return value.detach()


def test_joint_is_prior_times_likelihood_of_the_scaled_rows():
    task, rows = task_and_rows()
    z = torch.randn(5, 1, 2, dtype=torch.float64)
    for count, scale in ((12, 1), (4, 3)):
        part = rows[:count]
        likelihood = Bernoulli(logits=z[:, 0] @ part[:, :-1].T).log_prob((part[:, -1] + 1) / 2).sum(-1)
        expected = Normal(0.0, 1.0).log_prob(z).sum(-1)[:, 0] + scale * likelihood
        torch.testing.assert_close(task.model(task.prepare(part), {"z": z})[:, 0], expected)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_elbo_by_adaptive_quadrature_in_31_dimensions(spread: float):
    """At the start's log σ = 0 logits have standard deviations of about six, and of about sixteen with log σ = 1."""
    task, rows = task_and_rows("breast-cancer")
    task.guide.log_scale.data += spread
    part = rows[:5]
    x = task.prepare(part)
    guide = Normal(task.guide.loc, task.guide.log_scale.exp())
    logits = (part[:, :-1] @ guide.mean).detach().numpy()
    deviations = (part[:, :-1].square() @ guide.variance).sqrt().detach().numpy()
    expected = -kl_divergence(guide, Normal(0.0, 1.0)).sum().item()
    for mean, deviation, label in zip(logits, deviations, part[:, -1].tolist(), strict=True):

        def term(noise: float, mean: float = mean, deviation: float = deviation, label: float = label) -> float:
            return -np.logaddexp(0, -label * (mean + deviation * noise)) * stats.norm.pdf(noise)

        at = -mean / deviation
        expected += len(rows) / 5 * integrate.quad(term, -9, 9, points=[at] if abs(at) < 9 else None, limit=200)[0]
    np.testing.assert_allclose(exact(task, "elbo", x), [expected], rtol=0, atol=1e-6)


def test_no_elbo_rather_than_a_wrong_one():
    task, rows = task_and_rows("breast-cancer")
    task.guide.log_scale.data += 5
    assert bool(exact(task, "elbo", task.prepare(rows[:5])).isnan().all())


def test_evidence_of_the_toy_by_gauss_hermite():
    task, rows = task_and_rows()
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(80))
    weights = torch.cartesian_prod(noise, noise)
    masses = torch.cartesian_prod(mass, mass).prod(-1) / mass.sum() ** 2
    likelihood = torch.sigmoid(rows[:, -1] * (weights @ rows[:, :-1].T)).prod(-1)
    evidence = exact(task, "evidence", task.prepare(rows))
    torch.testing.assert_close(evidence, (masses @ likelihood).log()[None], atol=1e-8, rtol=0)
    assert bool(exact(task, "elbo", task.prepare(rows)) < evidence)


def test_minibatches_are_unbiased():
    """Over all minibatches of one size, log p(x, z) and the ELBO's gradient have the whole data set's as their mean."""
    task, rows = task_and_rows()
    z = {"z": torch.randn(4, 1, 2, dtype=torch.float64)}
    batches = [task.prepare(rows[list(part)]) for part in torch.combinations(torch.arange(12), 3).tolist()]
    whole = task.prepare(rows)
    torch.testing.assert_close(torch.stack([task.model(x, z) for x in batches]).mean(0), task.model(whole, z))
    gradients = torch.stack([exact_gradient(task, "elbo", x) for x in batches])
    torch.testing.assert_close(gradients.mean(0), exact_gradient(task, "elbo", whole))


CASES: list[tuple[Estimator, Covariance]] = [
    (Reparam(), "diagonal"),
    (Reparam(kl="analytic"), "diagonal"),
    (STL(), "full"),
    (Reinforce(), "diagonal"),
]


@pytest.mark.parametrize(("estimator", "covariance"), CASES)
def test_unbiased_on_a_minibatch(estimator: Estimator, covariance: Covariance):
    task, rows = task_and_rows(covariance=covariance)
    x = task.prepare(rows[:4])
    draws = replicate(task, estimator, x, samples=2, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_evidence_by_naive_monte_carlo():
    task, rows = task_and_rows()
    x = task.prepare(rows)
    torch.manual_seed(0)
    estimate = NaiveMC().estimate(task, x, 200_000).objective
    # 200 000 weights, whose coefficient of variation is below two: a standard error below 0.005.
    torch.testing.assert_close(estimate, exact(task, "evidence", x), atol=0.025, rtol=0)


@pytest.mark.parametrize("data", ["breast-cancer", "toy"])
def test_tables_that_are_always_there(data: Table):
    task, rows = task_and_rows(data)
    assert rows.shape == (SHAPES[data].rows, SHAPES[data].features + 1)
    assert task.load().test.shape[1] == rows.shape[1]
    assert set(rows[:, -1].tolist()) == {-1.0, 1.0}
    assert bool((rows[:, 0] == 1).all())
    if data == "breast-cancer":
        assert len(rows) + len(task.load().test) == 569
        torch.testing.assert_close(rows[:, 1:-1].mean(0), torch.zeros(30, dtype=torch.float64))
        torch.testing.assert_close(rows[:, 1:-1].std(0, correction=0), torch.ones(30, dtype=torch.float64))


# Rows of the positive class in the whole table, as the UCI repository states them.
@pytest.mark.parametrize(
    ("data", "rows", "positive"),
    [("australian", 690, 307), ("german", 1000, 700), ("sonar", 208, 111), ("a9a", 48842, 11687)],
)
def test_tables_of_the_cache(real_data: Path, data: Table, rows: int, positive: int):
    loaded = LogisticRegression(data).load()
    assert loaded.train.shape == (SHAPES[data].rows, SHAPES[data].features + 1)
    assert len(loaded.train) + len(loaded.test) == rows
    assert int((loaded.train[:, -1] == 1).sum() + (loaded.test[:, -1] == 1).sum()) == positive


def test_a_missing_table_says_what_to_do(empty_cache: Path):
    with pytest.raises(
        DataUnavailable, match=r"logistic is not in .*; set BENCH_DATA to a folder that holds logistic/"
    ):
        LogisticRegression("sonar").load()


def test_refuses_an_unknown_table():
    with pytest.raises(ValueError, match=r"data must be breast-cancer, .*; there is no file 'iris'"):
        LogisticRegression("iris")
