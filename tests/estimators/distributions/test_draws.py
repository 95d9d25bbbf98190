"""Draws against the distribution functions of scipy: Kolmogorov–Smirnov tests that a right draw fails 1 time in 10⁶."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Size, Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    LogisticNormal,
    LogNormal,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    Uniform,
    VonMises,
)
from torch.func import vmap

from estimators import distributions
from estimators.distributions import Antithetic, Unsupported

FALSE_ALARM = 1e-6
COUNT = 20_000


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


FACTOR = torch.tensor([[0.8, 0.0], [-0.5, 1.3]], dtype=torch.float64)

Univariate = tuple[Distribution, Callable[[NDArray[np.float64]], NDArray[np.float64]]]
UNIVARIATE: dict[str, Univariate] = {
    "normal": (Normal(double(1), double(2)), stats.norm(1, 2).cdf),
    "uniform": (Uniform(double(1), double(3)), stats.uniform(1, 2).cdf),
    "exponential": (Exponential(double(2)), stats.expon(scale=0.5).cdf),
    "gamma": (Gamma(double(0.7), double(2)), stats.gamma(0.7, scale=0.5).cdf),
    "beta": (Beta(double(0.7), double(2)), stats.beta(0.7, 2).cdf),
    "log-normal": (LogNormal(double(1), double(0.5)), stats.lognorm(0.5, scale=np.e).cdf),
    "von-mises": (VonMises(double(0), double(1.5)), stats.vonmises(1.5).cdf),
    "von-mises-flat": (VonMises(double(0), double(0.01)), stats.vonmises(0.01).cdf),
    "von-mises-narrow": (VonMises(double(0), double(40)), stats.vonmises(40).cdf),
}
MULTIVARIATE: dict[str, Distribution] = {
    "dirichlet": Dirichlet(double(0.6, 1.5, 3), validate_args=False),
    "logistic-normal": LogisticNormal(double(0.4, -1), double(0.5, 1.5), validate_args=False),
    "multivariate-normal": MultivariateNormal(double(1, -2), scale_tril=FACTOR, validate_args=False),
}
DISCRETE: dict[str, Distribution] = {
    "bernoulli": Bernoulli(logits=double(0.3), validate_args=False),
    "categorical": Categorical(logits=double(0.3, -1, 2), validate_args=False),
    "one-hot": OneHotCategorical(logits=double(0.3, -1, 2), validate_args=False),
    "poisson": Poisson(double(1.7), validate_args=False),
}
ALL = {name: distribution for name, (distribution, _) in UNIVARIATE.items()} | MULTIVARIATE | DISCRETE


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


def test_poisson_frequencies():
    counts = np.bincount(draw(DISCRETE["poisson"])[:, 0].int().clamp(max=7), minlength=8)
    expected = stats.poisson.pmf(np.arange(8), 1.7)
    expected[7] = stats.poisson.sf(6, 1.7)
    assert stats.chisquare(counts, COUNT * expected).pvalue > FALSE_ALARM


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


@pytest.mark.parametrize("name", ["gamma", "beta", "von-mises", "dirichlet", "poisson"])
def test_rejection_refuses_structured_noise(name: str):
    with pytest.raises(Unsupported, match="is drawn by rejection"):
        distributions.sample(ALL[name], Size((2,)), Antithetic())


def test_mirrored_pairs():
    torch.manual_seed(0)
    value = distributions.sample(MULTIVARIATE["multivariate-normal"], Size((6,)), Antithetic())
    torch.testing.assert_close(value[:3] + value[3:], 2 * double(1, -2).expand(3, 2))
    value = distributions.sample(UNIVARIATE["log-normal"][0], Size((6,)), Antithetic()).log()
    torch.testing.assert_close(value[:3] + value[3:], double(2).expand(3, 1))


@pytest.mark.parametrize("name", ALL)
def test_what_is_reparameterizable_has_a_gradient(name: str):
    distribution = Independent(ALL[name].expand(torch.Size((2,))), 1)
    assert distributions.reparameterizable(distribution) is (name not in DISCRETE)


def test_a_family_without_a_draw_says_so():
    with pytest.raises(Unsupported, match="no functional draw is registered for Geometric"):
        distributions.sample(torch.distributions.Geometric(torch.tensor(0.5)), Size(()))


@pytest.mark.parametrize("make", [Beta, lambda a, b: Dirichlet(torch.stack([a, b], -1))])
def test_small_concentrations_stay_inside(make: Callable[[Tensor, Tensor], Distribution]):
    distribution = make(torch.full((100,), 0.02), torch.full((100,), 0.02))
    value = draw(distribution, 100)
    assert ((value > 0) & (value < 1)).all() or isinstance(distribution, Dirichlet)
    assert (value > 0).all()
    assert distributions.log_prob(distribution, value).isfinite().all()
