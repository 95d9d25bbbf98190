"""Latent Dirichlet allocation: sums over assignments, quadratures by scipy, both guides, topics as words."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor

from estimators import INDEX as ESTIMATORS
from estimators.base import Estimator
from estimators.distributions import log_prob
from estimators.draw import Detached, probe
from estimators.importance_weighted.dreg import DReG
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Target
from tasks.data import DataUnavailable
from tasks.latent_variables.lda import LDA, GuideFamily, bars
from tasks.latent_variables.topic_model import DirichletGuide, log_dirichlet
from tests.gradients import exact_gradient, mean_differs, replicate

FAMILIES: tuple[GuideFamily, ...] = ("logistic-normal", "dirichlet")


@torch.no_grad()
def tiny(guide: GuideFamily = "logistic-normal", topics: int = 2) -> tuple[LDA, Tensor]:
    """Return a task away from its start, and two documents of five words, the second of which lacks two."""
    torch.manual_seed(4)
    task = LDA(topics, guide, hidden=3, side=2, length=5, n=6)
    data = task.load()
    task.initialise(data)
    for parameter in task.parameters():
        parameter += 0.4 * torch.randn(parameter.shape, dtype=parameter.dtype)
    x = data.train[:2].double()
    x[1, 3:] = -1
    return task, x


def log_likelihood(task: LDA, words: list[int], z: np.ndarray) -> float:
    beta = task.model.logits.detach().softmax(-1).numpy()
    return float(np.log(z @ beta[:, words]).sum())


def words_of(row: Tensor) -> list[int]:
    return [int(word) for word in row.tolist() if word >= 0]


@pytest.mark.parametrize("topics", [2, 3])
def test_evidence_is_the_sum_over_assignments(topics: int):
    task, x = tiny(topics=topics)
    evidence = task.exact("evidence", x, 1)
    assert evidence is not None
    alpha = task.model.log_concentration.detach().exp().numpy()
    beta = task.model.logits.detach().softmax(-1).numpy()
    for row, found in zip(x, evidence.tolist(), strict=True):
        words = words_of(row)
        total = 0.0
        for topic in itertools.product(range(topics), repeat=len(words)):
            counts = np.bincount(topic, minlength=topics)
            # Pólya's urn, one word after the other.
            urn = math.exp(stats.dirichlet_multinomial.logpmf(counts, alpha, len(words)))
            urn /= math.exp(special.gammaln(len(words) + 1) - special.gammaln(counts + 1).sum())
            total += urn * math.prod(beta[t, w] for t, w in zip(topic, words, strict=True))
        assert found == pytest.approx(math.log(total), rel=1e-10)


def test_evidence_of_longer_documents_is_the_same_integral():
    task, x = tiny()
    longer = torch.nn.functional.pad(x, (0, 10), value=-1.0)
    torch.testing.assert_close(task.exact("evidence", longer, 1), task.exact("evidence", x, 1))


@pytest.mark.parametrize("guide", FAMILIES)
def test_the_gap_is_the_divergence(guide: GuideFamily):
    task, x = tiny(guide)
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    torch.testing.assert_close(task.exact("iwae", x, 1), elbo)
    distribution = probe(task.guide, x).sites["z"].distribution
    alpha = task.model.log_concentration.detach().exp().numpy()
    for row in range(2):

        def divergence(odds: float, row: int = row) -> float:
            z = special.expit([odds, -odds])
            log_q = log_prob(distribution, torch.from_numpy(z).expand(2, 2))[row].item()
            log_p = stats.dirichlet.logpdf(z, alpha) + log_likelihood(task, words_of(x[row]), z)
            return z[0] * z[1] * math.exp(log_q) * (log_q - log_p + evidence[row].item())

        # With a concentration of 0.2 the density of the log odds falls as slowly as exp(−0.2 |odds|).
        parts = itertools.pairwise((-150, -20, 0, 20, 150))
        expected = sum(integrate.quad(divergence, low, high, epsabs=1e-7)[0] for low, high in parts)
        assert expected > 1e-3
        assert (evidence - elbo)[row].item() == pytest.approx(expected, abs=1e-5)


def test_bounds_are_ordered():
    task, x = tiny()
    values = [task.exact("iwae", x, samples) for samples in (1, 2, 3)] + [task.exact("evidence", x, 1)]
    for lower, upper in itertools.pairwise(values):
        assert lower is not None
        assert upper is not None
        assert bool((lower < upper).all())


def test_a_dirichlet_guide_holds_the_posterior_of_topics_that_do_not_overlap():
    task, _ = tiny("dirichlet")
    x = torch.tensor([[0, 0, 3, 2, 0]]).double()
    assert isinstance(task.guide, DirichletGuide)
    with torch.no_grad():
        task.model.logits.copy_(torch.tensor([[0, 0, -60, -60], [-60, -60, 0, 0]]))
        posterior = task.model.log_concentration.exp() + torch.tensor([3.0, 2.0]).double()
        task.guide.head.linear.weight.zero_()
        task.guide.head.linear.bias.copy_((posterior - 0.1).expm1().log())
    torch.testing.assert_close(task.exact("elbo", x, 1), task.exact("evidence", x, 1))


def test_a_guide_that_is_too_narrow_for_the_grid_says_so():
    task, x = tiny("dirichlet")
    assert isinstance(task.guide, DirichletGuide)
    with torch.no_grad():
        task.guide.head.linear.bias.fill_(1e5)
    elbo = task.exact("elbo", x, 1)
    assert elbo is not None
    assert bool(elbo.isnan().all())


def test_log_joint_is_the_prior_s_and_the_words():
    task, x = tiny(topics=3)
    draw = Detached(2)
    task.model.prior(x, draw)
    z = draw.trace.latents["z"]
    found = (task.model(x, draw.trace.latents) - draw.trace.log_prob()).detach()
    for k, b in itertools.product(range(2), range(2)):
        expected = log_likelihood(task, words_of(x[b]), z[k, b].numpy())
        assert float(found[k, b]) == pytest.approx(expected, rel=1e-10)


def test_log_dirichlet():
    z, concentration = np.array([0.2, 0.5, 0.3]), np.array([0.4, 2.0, 1.3])
    found = log_dirichlet(torch.from_numpy(z).log(), torch.from_numpy(concentration))
    assert float(found) == pytest.approx(stats.dirichlet.logpdf(z, concentration), rel=1e-12)


def test_words_are_drawn_from_the_mixture_of_topics():
    task, _ = tiny(topics=3)
    z = torch.tensor([0.5, 0.3, 0.2]).double().expand(20_000, 1, -1)
    torch.manual_seed(0)
    words = task.model.simulate({"z": z})
    assert words.shape == (20_000, 1, 5)
    expected = (z[0, 0] @ task.model.logits.detach().softmax(-1)).numpy()
    found = np.bincount(words.flatten().long().numpy(), minlength=4) / 100_000
    # Six standard errors.
    assert (np.abs(found - expected) < 6 * np.sqrt(expected * (1 - expected) / 100_000)).all()


CASES: list[tuple[Estimator, GuideFamily, Target, int]] = [
    (Reparam(), "logistic-normal", "elbo", 1),
    (Reparam(), "dirichlet", "elbo", 1),
    (ReinforceLOO(), "dirichlet", "elbo", 2),
    (DReG(), "logistic-normal", "iwae", 2),
]


@pytest.mark.parametrize(("estimator", "guide", "target", "samples"), CASES)
def test_unbiased(estimator: Estimator, guide: GuideFamily, target: Target, samples: int):
    task, x = tiny(guide)
    draws = replicate(task, estimator, x, samples=samples, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


def test_exact_answers_end_where_sums_are_too_long():
    task, x = tiny(topics=3)
    assert task.exact("elbo", x, 1) is None
    longer = torch.nn.functional.pad(x, (0, 10), value=-1.0)
    assert task.exact("evidence", longer, 1) is None
    task, x = tiny("dirichlet")
    assert task.exact("iwae", x, 2) is None
    task, x = tiny()
    assert task.exact("iwae", x, 4) is None
    assert task.exact("sleep", x, 1) is None


def test_topics_start_near_the_words_frequencies():
    torch.manual_seed(0)
    task = LDA(topics=200, side=3, n=100)
    data = task.load()
    task.initialise(data)
    frequency = torch.bincount(data.train.flatten().long(), minlength=9) / data.train.numel()
    logits = task.model.logits.detach().log_softmax(-1)
    # 200 topics with noise of ½ each, to six standard errors, and the noise's own share of the normalisation.
    assert float((logits.mean(0) - frequency.log()).abs().max()) < 6 * 0.5 / math.sqrt(200) + 0.15


def test_topics_are_named_by_number_without_a_vocabulary():
    task, _ = tiny()
    with torch.no_grad():
        task.model.logits.copy_(torch.tensor([[0.0, 3.0, 1.0, 2.0], [5.0, 1.0, 2.0, 0.0]]))
    assert task.topics(2) == [["word 1", "word 3"], ["word 0", "word 2"]]
    assert [len(words) for words in task.topics()] == [4, 4]


def test_generated_documents_are_rows_and_columns():
    documents = bars(500, 40, 3, 1)
    assert documents.shape == (500, 40)
    assert set(documents.flatten().tolist()) == set(range(9))
    # Two words of a document share a row or a column far more often than the 5 of 9 that independent words would.
    row, column = documents // 3, documents % 3
    together = (row[:, :-1] == row[:, 1:]) | (column[:, :-1] == column[:, 1:])
    assert together.mean() > 0.75


def test_no_corpus_no_training(empty_cache: Path):
    with pytest.raises(DataUnavailable, match="corpora is not in"):
        LDA(data="reuters").load()


def test_reuters(real_data: Path):
    torch.manual_seed(0)
    task = LDA(topics=3, data="reuters", hidden=2)
    data = task.load()
    assert (data.train.shape, data.test.shape) == ((355, 541), (40, 541))
    task.initialise(data)
    assert all(word.isprintable() and not word.startswith("word ") for topic in task.topics(5) for word in topic)
    x = data.train[:2].double()
    estimate = Reparam().estimate(task, x, 1)
    assert bool(estimate.objective.isfinite().all())


def test_references_are_estimators():
    assert {name.partition("(")[0] for name in LDA.references.values()} <= set(ESTIMATORS)


def test_bad_arguments():
    with pytest.raises(ValueError, match="guide must be logistic-normal or dirichlet; it is 'normal'"):
        LDA(guide="normal")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="data must be generated, ap or reuters; it is 'bbc'"):
        LDA(data="bbc")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least 2 topics, a side of 2, 1 unit, 1 word and 1 document"):
        LDA(topics=1)
