import numpy as np
import pytest
import torch
from scipy import stats
from torch import Size
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, VonMises

from estimators import distributions
from tests.estimators.distributions.test_draws import ALL, double


@pytest.mark.parametrize("kappa", [0.01, 1.0, 30.0, 700.0])
def test_von_mises_density(kappa: float):
    z = torch.linspace(-3.1, 3.1, 9, dtype=torch.float64)
    actual = distributions.log_prob(VonMises(double(0.4), double(kappa)), z)
    np.testing.assert_allclose(actual, stats.vonmises.logpdf(z, kappa, 0.4), rtol=1e-12)


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
        or key in {"low", "high"}
        or (key == "logits")
    }
    distribution: Distribution = type(source)(**parameters, validate_args=False) if parameters else source
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
