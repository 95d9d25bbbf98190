"""Draws against the distribution functions of scipy: Kolmogorov–Smirnov tests that a right draw fails 1 time in 10⁶."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import special, stats
from torch import Size, Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Cauchy,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Independent,
    Laplace,
    LogisticNormal,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    Poisson,
    StudentT,
    Uniform,
    VonMises,
)
from torch.func import vmap

from estimators import distributions
from estimators.distributions import IID, Antithetic, Noise, Unsupported
from estimators.distributions.implicit import log_standard_gamma
from estimators.parts.sampling import ShiftedSobol

FALSE_ALARM = 1e-6
COUNT = 20_000


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


LOADINGS = torch.tensor([[0.8], [-1.2]], dtype=torch.float64)
FACTOR = torch.tensor([[0.8, 0.0], [-0.5, 1.3]], dtype=torch.float64)

Univariate = tuple[Distribution, Callable[[NDArray[np.float64]], NDArray[np.float64]]]
UNIVARIATE: dict[str, Univariate] = {
    "normal": (Normal(double(1), double(2)), stats.norm(1, 2).cdf),
    "uniform": (Uniform(double(1), double(3)), stats.uniform(1, 2).cdf),
    "exponential": (Exponential(double(2)), stats.expon(scale=0.5).cdf),
    "gamma": (Gamma(double(0.7), double(2)), stats.gamma(0.7, scale=0.5).cdf),
    "beta": (Beta(double(0.7), double(2)), stats.beta(0.7, 2).cdf),
    "log-normal": (LogNormal(double(1), double(0.5)), stats.lognorm(0.5, scale=np.e).cdf),
    "laplace": (Laplace(double(1), double(2)), stats.laplace(1, 2).cdf),
    "student-t": (StudentT(double(2.5), double(1), double(2)), stats.t(2.5, 1, 2).cdf),
    "von-mises": (VonMises(double(0), double(1.5)), stats.vonmises(1.5).cdf),
    "von-mises-uniform": (VonMises(double(0), double(0), validate_args=False), stats.uniform(-np.pi, 2 * np.pi).cdf),
    "von-mises-flat": (VonMises(double(0), double(0.01)), stats.vonmises(0.01).cdf),
    "von-mises-narrow": (VonMises(double(0), double(40)), stats.vonmises(40).cdf),
}
MULTIVARIATE: dict[str, Distribution] = {
    "dirichlet": Dirichlet(double(0.6, 1.5, 3), validate_args=False),
    "low-rank-normal": LowRankMultivariateNormal(double(1, -2), LOADINGS, double(0.3, 0.7), validate_args=False),
    "logistic-normal": LogisticNormal(double(0.4, -1), double(0.5, 1.5), validate_args=False),
    "multivariate-normal": MultivariateNormal(double(1, -2), scale_tril=FACTOR, validate_args=False),
}
DISCRETE: dict[str, Distribution] = {
    "bernoulli": Bernoulli(logits=double(0.3), validate_args=False),
    "categorical": Categorical(logits=double(0.3, -1, 2), validate_args=False),
    "one-hot": OneHotCategorical(logits=double(0.3, -1, 2), validate_args=False),
    "poisson": Poisson(double(1.7), validate_args=False),
    "binomial": Binomial(6, logits=double(-0.4), validate_args=False),
    "geometric": Geometric(logits=double(-0.4), validate_args=False),
    "negative-binomial": NegativeBinomial(double(2.5), logits=double(-0.6), validate_args=False),
}
MASSES: dict[str, Any] = {
    "poisson": stats.poisson(1.7),
    "binomial": stats.binom(6, special.expit(-0.4)),
    "geometric": stats.geom(special.expit(-0.4), loc=-1),
    "negative-binomial": stats.nbinom(2.5, special.expit(0.6)),
}
ALL = {name: distribution for name, (distribution, _) in UNIVARIATE.items()} | MULTIVARIATE | DISCRETE


class Inverted(Noise):
    """Independent numbers of which a family does not know that they are."""

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        return IID.uniform(shape, like)

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        return IID.normal(shape, like)


def draw(distribution: Distribution, count: int = COUNT) -> Tensor:
    torch.manual_seed(0)
    return distributions.sample(distribution, Size((count,)))


@pytest.mark.parametrize("name", UNIVARIATE)
def test_draws_have_the_distribution(name: str):
    distribution, cdf = UNIVARIATE[name]
    assert stats.kstest(draw(distribution)[:, 0], cdf).pvalue > FALSE_ALARM


def test_draws_from_another_distribution_are_found_out():
    assert (
        stats.kstest(draw(Gamma(double(0.7), double(2)))[:, 0], stats.gamma(0.75, scale=0.5).cdf).pvalue < FALSE_ALARM
    )


def test_dirichlet_margins_are_beta():
    concentration = [0.6, 1.5, 3]
    values = draw(MULTIVARIATE["dirichlet"])
    torch.testing.assert_close(values.sum(-1), torch.ones(COUNT, dtype=torch.float64))
    for value, alpha in zip(values.T, concentration, strict=True):
        assert stats.kstest(value, stats.beta(alpha, sum(concentration) - alpha).cdf).pvalue > FALSE_ALARM


def test_multivariate_normal_is_white_once_whitened():
    white = torch.linalg.solve_triangular(
        FACTOR, (draw(MULTIVARIATE["multivariate-normal"]) - double(1, -2)).T, upper=False
    )
    for row in (*white, (white[0] + white[1]) / 2**0.5):
        assert stats.kstest(row, stats.norm.cdf).pvalue > FALSE_ALARM


def test_logistic_normal_is_normal_once_unbroken():
    values = draw(MULTIVARIATE["logistic-normal"])
    first = torch.log(values[:, 0] / (values[:, 1] + values[:, 2])) + np.log(2)
    second = torch.log(values[:, 1] / values[:, 2])
    assert stats.kstest(first, stats.norm(0.4, 0.5).cdf).pvalue > FALSE_ALARM
    assert stats.kstest(second, stats.norm(-1, 1.5).cdf).pvalue > FALSE_ALARM


def frequencies_differ(name: str, noise: Noise = IID, *, of: str | None = None) -> bool:
    """Return whether counts drawn from one family have another law than (`of`) they should; false 1 time in 10⁶."""
    torch.manual_seed(0)
    values = distributions.sample(DISCRETE[name], Size((COUNT,)), noise)[:, 0]
    law, last = MASSES[of or name], 6
    expected = law.pmf(np.arange(last + 1))
    expected[last] = law.sf(last - 1)
    counts = np.bincount(values.int().clamp(max=last), minlength=last + 1)
    return stats.chisquare(counts, COUNT * expected).pvalue < FALSE_ALARM


@pytest.mark.parametrize("name", MASSES)
def test_frequencies_of_counts(name: str):
    assert not frequencies_differ(name)
    assert frequencies_differ(name, of="poisson" if name != "poisson" else "binomial")


@pytest.mark.parametrize("name", ["binomial", "geometric"])
def test_counts_by_inversion_of_other_noise(name: str):
    assert not frequencies_differ(name, Inverted())
    # Points that fill the unit interval evenly give every frequency to one in COUNT.
    values = distributions.sample(DISCRETE[name], Size((COUNT,)), ShiftedSobol())
    np.testing.assert_allclose((values == 1).double().mean(), MASSES[name].pmf(1), atol=1e-3)


def test_a_low_rank_normal_has_its_covariance():
    """Its margins, and a direction across them, are Gaussian with the variances of W Wᵀ + D."""
    values = draw(MULTIVARIATE["low-rank-normal"]) - double(1, -2)
    covariance = LOADINGS @ LOADINGS.T + torch.diag(double(0.3, 0.7))
    for direction in (double(1, 0), double(0, 1), double(1, 1)):
        scale = float((direction @ covariance @ direction).sqrt())
        assert stats.kstest(values @ direction, stats.norm(scale=scale).cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logarithms_of_gamma_draws(alpha: float, dtype: torch.dtype):
    torch.manual_seed(0)
    values = log_standard_gamma(torch.full((COUNT,), alpha, dtype=dtype))
    assert stats.kstest(values, stats.loggamma(alpha).cdf).pvalue > FALSE_ALARM


def test_dirichlet_draws_of_a_small_concentration_are_corners():
    """E Σ z² = (α + 1) / (C α + 1): one where the draw is a corner, 1/C where it is uniform."""
    alpha, classes = 1e-3, 5
    values = draw(Dirichlet(torch.full((classes,), alpha), validate_args=False))
    squares = values.square().sum(-1)
    expected = (alpha + 1) / (classes * alpha + 1)
    error = float(squares.std()) / COUNT**0.5
    assert abs(float(squares.mean()) - expected) < stats.norm.isf(FALSE_ALARM / 2) * error
    counts = np.bincount(values.argmax(-1), minlength=classes)
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


def test_von_mises_is_wrapped_around_its_location():
    values = draw(VonMises(double(3), double(2), validate_args=False))
    assert values.abs().max() <= np.pi
    assert stats.kstest((values[:, 0] - 3 + np.pi) % (2 * np.pi) - np.pi, stats.vonmises(2).cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize("name", ALL)
def test_replicates_differ_under_vmap(name: str):
    distribution = ALL[name]
    values = vmap(lambda _: distributions.sample(distribution, Size((9,))), randomness="different")(torch.arange(2))
    assert values.shape == (2, 9, *distribution.batch_shape, *distribution.event_shape)
    assert not torch.equal(values[0], values[1])


@pytest.mark.parametrize("name", ALL)
def test_shape_is_samples_batch_event(name: str):
    distribution = ALL[name].expand(torch.Size((4, 2)))
    value = distributions.sample(distribution, Size((3,)))
    assert value.shape == (3, 4, 2, *distribution.event_shape)
    assert distributions.log_prob(distribution, value).shape == (3, 4, 2)


@pytest.mark.parametrize(
    "name", ["gamma", "beta", "von-mises", "dirichlet", "poisson", "student-t", "negative-binomial"]
)
def test_rejection_refuses_structured_noise(name: str):
    with pytest.raises(Unsupported, match="is drawn by rejection"):
        distributions.sample(ALL[name], Size((2,)), Antithetic())


def test_mirrored_pairs():
    torch.manual_seed(0)
    value = distributions.sample(MULTIVARIATE["multivariate-normal"], Size((6,)), Antithetic())
    torch.testing.assert_close(value[:3] + value[3:], 2 * double(1, -2).expand(3, 2))
    value = distributions.sample(MULTIVARIATE["low-rank-normal"], Size((6,)), Antithetic())
    torch.testing.assert_close(value[:3] + value[3:], 2 * double(1, -2).expand(3, 2))
    value = distributions.sample(UNIVARIATE["laplace"][0], Size((6,)), Antithetic())
    torch.testing.assert_close(value[:3] + value[3:], double(2).expand(3, 1))
    value = distributions.sample(UNIVARIATE["log-normal"][0], Size((6,)), Antithetic()).log()
    torch.testing.assert_close(value[:3] + value[3:], double(2).expand(3, 1))


@pytest.mark.parametrize("name", ALL)
def test_what_is_reparameterizable_has_a_gradient(name: str):
    distribution = Independent(ALL[name].expand(torch.Size((2,))), 1)
    assert distributions.reparameterizable(distribution) is (name not in DISCRETE)


def test_a_family_without_a_draw_says_so():
    with pytest.raises(Unsupported, match="no functional draw is registered for Cauchy"):
        distributions.sample(Cauchy(torch.tensor(0.5), torch.tensor(1.0)), Size(()))


@pytest.mark.parametrize("make", [Beta, lambda a, b: Dirichlet(torch.stack([a, b], -1))])
def test_small_concentrations_stay_inside(make: Callable[[Tensor, Tensor], Distribution]):
    distribution = make(torch.full((100,), 0.02), torch.full((100,), 0.02))
    value = draw(distribution, 100)
    assert ((value > 0) & (value < 1)).all() or isinstance(distribution, Dirichlet)
    assert (value > 0).all()
    assert distributions.log_prob(distribution, value).isfinite().all()


class Level(Noise):
    """Uniform noise that is the same number everywhere."""

    def __init__(self, level: float) -> None:
        self.level = level

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        return torch.full(shape, self.level, dtype=like.dtype)

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        raise AssertionError("a Laplace draw needs uniform noise alone")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("level", "sign"), [(0.0, -1), (1.0, 1)])
def test_the_ends_of_uniform_noise_are_no_infinite_draw(level: float, sign: int, dtype: torch.dtype):
    laplace = Laplace(torch.ones((), dtype=dtype), torch.full((), 2.0, dtype=dtype))
    drawn = distributions.sample(laplace, Size([3]), Level(level))
    # As far out as the number next to 1 is.
    torch.testing.assert_close(
        drawn, (1 - sign * 2 * torch.tensor(torch.finfo(dtype).eps, dtype=dtype).log()).expand(3)
    )
