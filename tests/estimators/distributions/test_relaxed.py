"""Relaxed and conditional relaxed samples; a Kolmogorov–Smirnov test rejects a right law one time in 10⁶."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Size, Tensor
from torch.distributions import Bernoulli, Categorical, Independent, OneHotCategorical
from torch.func import jacrev, vmap

from estimators import distributions
from estimators.distributions import Relaxation, Unsupported

FALSE_ALARM = 1e-6
COUNT = 20_000
EXTREMES = (-200.0, -30.0, -5.0, 0.0, 1e-9, 5.0, 30.0, 200.0)


def binary(*logits: float, dtype: torch.dtype = torch.float64) -> Relaxation:
    return distributions.relaxation(Bernoulli(logits=torch.tensor(logits, dtype=dtype), validate_args=False))


def one_hot(*logits: float, dtype: torch.dtype = torch.float64) -> Relaxation:
    return distributions.relaxation(OneHotCategorical(logits=torch.tensor(logits, dtype=dtype), validate_args=False))


def ends(uniform: Tensor) -> Tensor:
    """Put the ends of (0, 1) at the front of the draws, where rounding is at its worst."""
    limits = torch.finfo(uniform.dtype)
    uniform[0], uniform[1] = limits.tiny, 1 - limits.eps / 2
    return uniform


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_conditional_reproduces_every_binary_sample(dtype: torch.dtype):
    torch.manual_seed(0)
    relaxation = binary(*EXTREMES, dtype=dtype)
    uniform = ends(relaxation.uniform(Size((1 << 18,))))
    for value in (0.0, 1.0):
        hard = torch.full_like(uniform, value)
        z = relaxation.conditional(hard, uniform)
        assert torch.equal(relaxation.hard(z), hard)
        assert z.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logits", [(0.3, -1.0, 2.0), (0.0, 30.0, -30.0), (200.0, 0.0, -200.0), (0.0, 0.0, 16.0)])
def test_conditional_reproduces_every_categorical_sample(logits: tuple[float, ...], dtype: torch.dtype):
    torch.manual_seed(0)
    relaxation = one_hot(*logits, dtype=dtype)
    uniform = ends(relaxation.uniform(Size((1 << 18,))))
    uniform[2:5] = torch.where(torch.eye(3, dtype=torch.bool), uniform[0], uniform[1])
    for value in torch.eye(3, dtype=dtype):
        hard = value.expand_as(uniform)
        z = relaxation.conditional(hard, uniform)
        assert torch.equal(relaxation.hard(z), hard)
        assert not z.isnan().any()


def test_binary_conditional_is_the_published_formula_with_its_derivative():
    torch.manual_seed(0)
    relaxation = binary(-2.0, -0.3, 1.0, 3.0)
    v = relaxation.uniform(Size((50,)))
    hard = (torch.rand_like(v) < 0.5).double()

    def published(logits: Tensor) -> Tensor:
        p = logits.sigmoid()
        return logits + torch.logit(hard * (v * p + 1 - p) + (1 - hard) * v * (1 - p))

    def ours(logits: Tensor) -> Tensor:
        return relaxation.at(logits).conditional(hard, v)

    torch.testing.assert_close(ours(relaxation.logits), published(relaxation.logits))
    torch.testing.assert_close(jacrev(ours)(relaxation.logits), jacrev(published)(relaxation.logits))


def test_categorical_conditional_is_the_published_formula_with_its_derivative():
    torch.manual_seed(0)
    relaxation = one_hot(0.3, -1.0, 2.0)
    v = relaxation.uniform(Size((50,)))
    hard = torch.eye(3, dtype=torch.float64)[torch.randint(3, (50,))]

    def published(logits: Tensor) -> Tensor:
        own = (hard * v).sum(-1, keepdim=True)
        others = -(-v.log() / logits.softmax(-1) - own.log()).log()
        return torch.where(hard > 0, -(-own.log()).log(), others)

    def ours(logits: Tensor) -> Tensor:
        return relaxation.at(logits).conditional(hard, v)

    torch.testing.assert_close(ours(relaxation.logits), published(relaxation.logits))
    torch.testing.assert_close(jacrev(ours)(relaxation.logits), jacrev(published)(relaxation.logits))


def _given_hard(relaxation: Relaxation, *, of: Relaxation) -> np.ndarray:
    """Return z̃ given hard samples of another relaxation: the law of z where the two are the same."""
    torch.manual_seed(0)
    hard = of.hard(of.logits + of.epsilon(of.uniform(Size((COUNT,)))))
    return relaxation.conditional(hard, relaxation.uniform(Size((COUNT,)))).numpy()


def test_conditional_of_a_random_sample_has_the_law_of_the_unconditional_one():
    values = _given_hard(binary(1.2), of=binary(1.2))[:, 0]
    assert stats.kstest(values, stats.logistic(1.2).cdf).pvalue > FALSE_ALARM
    logits = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64).log_softmax(-1)
    for column, logit in zip(_given_hard(one_hot(0.3, -1, 2), of=one_hot(0.3, -1, 2)).T, logits, strict=True):
        assert stats.kstest(column, stats.gumbel_r(float(logit)).cdf).pvalue > FALSE_ALARM


def test_the_law_is_another_where_the_hard_sample_comes_from_elsewhere():
    values = _given_hard(binary(1.2), of=binary(0.9))[:, 0]
    assert stats.kstest(values, stats.logistic(1.2).cdf).pvalue < FALSE_ALARM
    values = _given_hard(one_hot(0.3, -1, 2), of=one_hot(0.3, -1, 1.6))[:, 2]
    logit = float(torch.tensor([0.3, -1.0, 2.0]).log_softmax(-1)[2])
    assert stats.kstest(values, stats.gumbel_r(logit).cdf).pvalue < FALSE_ALARM


@pytest.mark.parametrize("relaxation", [binary(-1.3), one_hot(0.3, -1.0, 2.0)])
def test_hard_samples_have_the_family_s_frequencies(relaxation: Relaxation):
    torch.manual_seed(0)
    hard = relaxation.hard(relaxation.logits + relaxation.epsilon(relaxation.uniform(Size((COUNT,)))))
    counts = hard.sum(0)
    probs = relaxation.probs
    if len(counts) == 1:
        counts, probs = (torch.cat([value, total - value]) for value, total in ((counts, COUNT), (probs, 1)))
    assert stats.chisquare(counts, COUNT * probs).pvalue > FALSE_ALARM


def test_tangent_has_the_jacobian_that_it_promises():
    p = torch.tensor([0.2, 0.7, 0.1], dtype=torch.float64)
    categorical, bits = one_hot(0.3, -1.0, 2.0), binary(0.5, -1.0, 3.0)
    jacobian = jacrev(lambda logits: categorical.at(logits).tangent(p))(categorical.logits)
    torch.testing.assert_close(jacobian, p.diag() - p[:, None] * p)
    jacobian = jacrev(lambda logits: bits.at(logits).tangent(p))(bits.logits)
    torch.testing.assert_close(jacobian, (p * (1 - p)).diag())


def test_soft_samples_tend_to_hard_ones():
    for relaxation in (binary(0.5, -1.0, 3.0), one_hot(0.3, -1.0, 2.0)):
        z = relaxation.logits + relaxation.epsilon(relaxation.uniform(Size((100,))))
        torch.testing.assert_close(relaxation.soft(z, 1e-6), relaxation.hard(z), atol=1e-3, rtol=0)


@pytest.mark.parametrize("relaxation", [binary(-1.3, 0.2), one_hot(0.3, -1.0, 2.0)])
def test_replicates_differ_under_vmap(relaxation: Relaxation):
    def once(_: Tensor) -> Tensor:
        hard = relaxation.hard(relaxation.logits + relaxation.epsilon(relaxation.uniform(Size((9,)))))
        return relaxation.conditional(hard, relaxation.uniform(Size((9,))))

    values = vmap(once, randomness="different")(torch.arange(2))
    assert values.shape == (2, 9, *relaxation.logits.shape)
    assert not torch.equal(values[0], values[1])


def test_a_family_without_a_relaxation_says_so():
    index = Categorical(logits=torch.zeros(2, 3))
    with pytest.raises(Unsupported, match="Categorical has no relaxation; Bernoulli and OneHotCategorical have one"):
        distributions.relaxation(Independent(index, 1))
