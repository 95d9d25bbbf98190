"""The exact log evidence in the final table, its gap from the ELBO, and what is evaluated where rows share latents."""

import math

import pytest
import torch

from bench.evaluation.bounds import Mean, evaluate_bounds, evaluate_train
from bench.evaluation.evidence import Evidence, above_evidence, evaluate_evidence
from tasks.base import Task
from tasks.images.vae_dirichlet import VAEDirichlet
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.latent_variables.ppca import PPCA
from tasks.regression.logistic_regression import LogisticRegression
from tasks.regression.polynomial_regression import PolynomialRegression


@pytest.mark.parametrize("task", [PPCA(3, 2, n=250), LinearGaussian(2, 250), PolynomialRegression(2)])
def test_gap_is_evidence_less_exact_elbo(task: Task):
    data = task.load()
    x = task.prepare(data.train)
    evidence, elbo = task.exact("evidence", x, 1), task.exact("elbo", x, 1)
    assert evidence is not None
    assert elbo is not None
    found = evaluate_evidence(task, data, Mean(math.nan, math.nan))
    assert found is not None
    assert found.log_evidence == pytest.approx(float(evidence.detach().mean()))
    assert found.gap.value == pytest.approx(float((evidence - elbo).detach().mean()))
    assert found.gap.value > 0
    assert found.gap.se == 0


def test_without_an_exact_elbo_the_gap_has_its_error():
    task = LogisticRegression("toy")
    task.guide.log_scale.data += 6  # beyond the quadrature of the ELBO, and the evidence does not depend on it
    data = task.load()
    found = evaluate_evidence(task, data, Mean(-100.0, 2.0))
    assert found is not None
    assert found.gap == Mean(found.log_evidence + 100.0, 2.0)


def test_no_evidence_no_gap():
    task = VAEDirichlet()
    assert evaluate_evidence(task, task.load(), Mean(0.0, 1.0)) is None


def test_the_training_elbo_of_a_whole_data_set():
    task = PolynomialRegression(2)
    data = task.load()
    exact = task.exact("elbo", task.prepare(data.train), 1)
    assert exact is not None
    found = evaluate_train(task, data, 0)
    # 1000 samples; beyond five standard errors less than once in a million.
    assert abs(found.value - float(exact.detach())) < 5 * found.se
    assert 0 < found.se < 0.1 * abs(found.value)


def test_test_data_are_predicted_from_the_guide():
    """Rows are new: neither the prior nor log q is counted again, and each row has its own predictive density."""
    task = PolynomialRegression(1)
    rows = task.load().test
    x = task.prepare(rows)
    bounds = evaluate_bounds(task, rows, 20_000, 0, "test", lambda share: None)
    mean = (task.model.features(x) @ task.guide.loc)[0]
    variance = (task.model.features(x) @ task.guide.scale_tril(x)).square().sum(-1)[0]
    noise = task.model.log_noise.exp() ** 2
    square = (rows[:, 1] - mean).square()
    expected = -0.5 * ((square + variance) / noise + math.log(2 * math.pi) + noise.log()).sum()
    predictive = torch.distributions.Normal(mean, (variance + noise).sqrt()).log_prob(rows[:, 1]).sum()
    # The same weights serve all rows, so that their errors add: 0.01 each, of 30.
    assert bounds.elbo.value == pytest.approx(float(expected.detach()), abs=0.3)
    assert bounds.log_likelihood.value == pytest.approx(float(predictive.detach()), abs=0.3)
    assert bounds.elbo.value < bounds.log_likelihood.value


@pytest.mark.parametrize("task", [PPCA(3, 2, n=250), LinearGaussian(2, 250), PolynomialRegression(2)])
def test_no_bound_of_ours_is_above_the_evidence(task: Task):
    """By chance one is with probability below 1e-6, that of five standard errors twice."""
    data = task.load()
    elbo = evaluate_train(task, data, seed=0)
    evidence = evaluate_evidence(task, data, elbo)
    assert evidence is not None
    assert above_evidence(task, data, elbo, evidence, 0) is None


@pytest.mark.parametrize(("gap", "what"), [(Mean(-0.5, 0.0), "the exact ELBO"), (Mean(-9.0, 1.0), "the training ELBO")])
def test_a_bound_above_the_evidence_is_named(gap: Mean, what: str):
    task = LinearGaussian(2, 250)
    data = task.load()
    elbo = evaluate_train(task, data, seed=0)
    found = above_evidence(task, data, elbo, Evidence(elbo.value - 6 * elbo.se, gap), 0)
    assert found is not None
    assert found.startswith(what)


def test_a_few_draws_that_missed_a_tail_are_no_reason():
    task = LinearGaussian(2, 250)
    data = task.load()
    log_evidence = evaluate_train(task, data, seed=0).value + 1.0
    lucky = Mean(log_evidence + 1.0, 0.01)
    assert above_evidence(task, data, lucky, Evidence(log_evidence, Mean(-1.0, 0.01)), 0) is None
