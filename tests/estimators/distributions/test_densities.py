from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Size
from torch.distributions import (
    Binomial,
    Distribution,
    Geometric,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    StudentT,
    VonMises,
)

from estimators import distributions
from tests.estimators.distributions.test_draws import ALL, double


@pytest.mark.parametrize("kappa", [0.0, 0.01, 1.0, 30.0, 700.0])
def test_von_mises_density(kappa: float):
    z = torch.linspace(-3.1, 3.1, 9, dtype=torch.float64)
    actual = distributions.log_prob(VonMises(double(0.4), double(kappa), validate_args=False), z)
    expected = stats.vonmises.logpdf(z, kappa, 0.4) if kappa else np.full(9, -np.log(2 * np.pi))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("kappa", [0.0, 1e-300, 0.5, 30.0])
def test_von_mises_score_of_the_concentration(kappa: float):
    concentration, z = double(kappa).requires_grad_(), double(1.3)
    log_prob = distributions.log_prob(VonMises(double(0.4), concentration, validate_args=False), z)
    (score,) = torch.autograd.grad(log_prob.sum(), concentration)
    np.testing.assert_allclose(score, np.cos(0.9) - special.i1e(kappa) / special.i0e(kappa), rtol=1e-12)


def test_a_narrow_von_mises_density_is_that_of_a_normal():
    z, kappa = torch.tensor([0.0, 1e-4, 3e-4]), torch.tensor(1e8)
    actual = distributions.log_prob(VonMises(torch.zeros(3), kappa), z)
    np.testing.assert_allclose(actual, stats.norm.logpdf(z, 0, 1e-4), rtol=1e-5)


@pytest.mark.parametrize("df", [0.5, 3.0, 59.9, 60.1, 1e8])
def test_student_t_density(df: float):
    z = double(-1e200, -30, -0.2, 0, 1, 1e6)
    actual = distributions.log_prob(StudentT(double(df), double(0), double(2)), z)
    np.testing.assert_allclose(actual[1:], stats.t.logpdf(z[1:], df, 0, 2), rtol=1e-11, atol=1e-11)
    assert bool(actual.isfinite().all())


def test_student_t_density_of_many_degrees_of_freedom_in_single_precision():
    actual = distributions.log_prob(StudentT(torch.tensor(1e6), 0.0, 1.0), torch.tensor([0.0, 1.5]))
    np.testing.assert_allclose(actual, stats.norm.logpdf([0, 1.5]), rtol=1e-5)


@pytest.mark.parametrize("diagonal", [1.0, 1e-5])
def test_low_rank_normal_density_in_single_precision(diagonal: float):
    """torch subtracts two squares that are large where the diagonal is small; here it is one sum of squares."""
    factor, loc, noise = torch.tensor([[1.0], [-0.7], [2.0]]), torch.tensor([0.3, 0.0, -1.0]), torch.randn(20, 3)
    low = LowRankMultivariateNormal(loc, factor, torch.full((3,), diagonal))
    z = loc + torch.randn(20, 1) @ factor.T + diagonal**0.5 * noise
    covariance = (factor.double() @ factor.double().T + diagonal * torch.eye(3)).numpy()
    expected = stats.multivariate_normal.logpdf(z.double(), loc.double().numpy(), covariance)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(distributions.log_prob(low, z), expected, atol=2e-2, rtol=1e-4)


@pytest.mark.parametrize("p", [1e-12, 0.3, 1 - 1e-6])
def test_geometric_density(p: float):
    z = double(0, 1, 20)
    actual = distributions.log_prob(Geometric(double(p), validate_args=False), z)
    np.testing.assert_allclose(actual, np.log(p) + z * np.log1p(-p), rtol=1e-9)


def test_multivariate_normal_density():
    torch.manual_seed(0)
    factor = torch.randn(5, 3, 3, dtype=torch.float64).tril() + 3 * torch.eye(3, dtype=torch.float64)
    loc, z = torch.randn(5, 3, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    actual = distributions.log_prob(MultivariateNormal(loc, scale_tril=factor), z)
    assert actual.shape == (2, 5)
    for row in range(5):
        covariance = (factor[row] @ factor[row].T).numpy()
        expected = stats.multivariate_normal.logpdf(
            z[:, row],
            loc[row].numpy(),
            covariance,  # pyright: ignore[reportArgumentType]
        )
        np.testing.assert_allclose(actual[:, row], expected)


@pytest.mark.parametrize("name", ALL)
def test_detached_copy(name: str):
    source = ALL[name]
    parameters = {
        key: getattr(source, key).clone().requires_grad_()
        for key in source.arg_constraints
        if key in {"loc", "scale", "scale_tril", "rate", "concentration", "concentration1", "concentration0"}
        or key in {"low", "high", "df", "cov_factor", "cov_diag"}
        or (key == "logits")
    }
    trials = {"total_count": source.total_count} if isinstance(source, Binomial | NegativeBinomial) else {}
    family: Any = type(source)
    distribution: Distribution = family(**parameters, **trials, validate_args=False) if parameters else source
    value = distributions.sample(distribution, Size((3,))).detach()
    attached, detached = (
        distributions.log_prob(distribution, value),
        distributions.log_prob(distributions.detach(distribution), value),
    )
    torch.testing.assert_close(attached.detach(), detached)
    assert type(distributions.detach(distribution)) is type(source)
    assert not detached.requires_grad
    assert attached.requires_grad


def test_independent_sums_and_detaches():
    normal = Independent(Normal(double(0, 1).requires_grad_(), double(1, 2)), 1)
    detached = distributions.detach(normal)
    value = double(0.3, -0.2)
    torch.testing.assert_close(distributions.log_prob(detached, value), normal.log_prob(value).detach())
    assert not distributions.log_prob(detached, value).requires_grad


@pytest.mark.parametrize("dims", [1, 2])
def test_independent_normals(dims: int):
    """Value and derivatives as torch has them, with samples in front."""
    torch.manual_seed(0)
    loc, value = torch.randn(5, 2, 3, dtype=torch.float64), torch.randn(4, 5, 2, 3, dtype=torch.float64)
    inputs = [value.requires_grad_(), loc.requires_grad_(), (loc.detach().exp() + 0.1).requires_grad_()]
    normal = Independent(Normal(inputs[1], inputs[2]), dims)
    ours, theirs = distributions.log_prob(normal, value), normal.log_prob(value)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn(ours.shape, dtype=torch.float64)
    for mine, other in zip(*(torch.autograd.grad((p * weights).sum(), inputs) for p in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other)
