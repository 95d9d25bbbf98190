"""Perplexity per word, by hand on a tiny corpus."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.evaluation.bounds import Bounds, Elbo, evaluate_bounds
from bench.evaluation.perplexity import evaluate_perplexity
from bench.evaluation.points import Points
from tasks.latent_variables.lda import LDA
from tasks.latent_variables.linear_gaussian import LinearGaussian

TEXTS = torch.tensor([[0, 1, 2, -1], [3, -1, -1, -1], [0, 0, 1, 2]])
"""Documents of 3, 1 and 4 words; −1 is none."""


def known(*elbos: float, se: float = 0.0) -> Bounds:
    values = torch.tensor(elbos, dtype=torch.float64)
    mean = Elbo(float(values.mean()), se)
    return Bounds(mean, mean, Points(values, values, values, values))


@pytest.fixture
def task() -> LDA:
    torch.manual_seed(0)
    return LDA(topics=2, hidden=3, side=2, length=4, n=3)


def test_it_is_of_all_words_and_not_a_mean_over_documents(task: LDA) -> None:
    found = evaluate_perplexity(task, TEXTS, known(-3.0, -2.0, -5.0))
    assert found is not None
    assert found.value == pytest.approx(math.exp(10 / 8))
    # r = −10/8 per word; residuals −3 + 3 · 10/8, −2 + 10/8, −5 + 4 · 10/8; over 8 words, with n/(n − 1) = 3/2.
    residuals = np.array([0.75, -0.75, 0.0])
    assert found.se == pytest.approx(math.exp(10 / 8) * math.sqrt(1.5 * float(residuals @ residuals)) / 8)


def test_words_that_are_all_equally_likely_have_a_perplexity_of_their_number(task: LDA) -> None:
    """One topic of V = 4 words: log p(w_d) = −N_d log 4 whatever z is, and a guide that is the prior has no gap."""
    with torch.no_grad():
        task.model.logits.zero_()
        for value in task.guide.parameters():
            value.zero_()
    bounds = evaluate_bounds(task, TEXTS, 2000, 0, "test", lambda share: None)
    found = evaluate_perplexity(task, TEXTS, bounds)
    assert found is not None
    assert bounds.elbo.kl is not None
    # Of a guide that is not quite the prior, the ELBO is less by its divergence.
    assert bounds.elbo.reconstruction is not None
    assert bounds.elbo.reconstruction.value == pytest.approx(-8 / 3 * math.log(4))
    assert found.value == pytest.approx(4 * math.exp(3 * bounds.elbo.kl.value / 8))


def test_the_interval_is_that_of_repeated_corpora(task: LDA) -> None:
    """Of 400 corpora of 50 documents, 95% of intervals hold the truth: 90 to 98.5% with a false alarm of 10⁻⁴."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        lengths = generator.integers(1, 5, 50)
        texts = torch.from_numpy(np.where(np.arange(4) < lengths[:, None], 0, -1))
        elbos = -1.5 * lengths + generator.normal(0, 0.5, 50) * lengths
        found = evaluate_perplexity(task, texts, known(*elbos))
        assert found is not None
        covered += abs(found.value - math.exp(1.5)) < 1.96 * found.se
    assert 360 <= covered <= 394


def test_a_single_document_has_the_error_of_its_bound(task: LDA) -> None:
    found = evaluate_perplexity(task, TEXTS[:1], known(-3.0, se=0.3))
    assert found is not None
    assert (found.value, found.se) == pytest.approx((math.e, math.e * 0.1))


def test_what_no_number_holds_is_infinite(task: LDA) -> None:
    found = evaluate_perplexity(task, TEXTS, known(-1e5, -1e5, -1e5))
    assert found is not None
    assert found.value == math.inf


def test_rows_without_words_have_none(task: LDA) -> None:
    assert evaluate_perplexity(task, torch.full((2, 4), -1), known(0.0, 0.0)) is None
    other = LinearGaussian(dim=2, n=3)
    rows: Tensor = other.load().test
    assert evaluate_perplexity(other, rows, replace(known(-1.0, -1.0, -1.0))) is None
