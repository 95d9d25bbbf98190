"""Values as functions of parameters: the value stays, and its derivative is −∂_θF / p, as at fixed noise."""

from collections.abc import Callable

import pytest
import torch
from scipy.special import gammainc
from scipy.stats import gamma
from torch import Tensor
from torch.distributions import Distribution, Exponential, Gamma, Independent, Laplace, Normal, Poisson

from estimators.distributions import Unsupported
from estimators.distributions.transport import transport

VALUES = torch.tensor([0.3, 1.1, 2.4], dtype=torch.float64)
FAMILIES: list[tuple[Callable[..., Distribution], tuple[float, ...]]] = [
    (Normal, (0.4, 1.7)),
    (Laplace, (0.4, 1.7)),
    (Exponential, (0.6,)),
]


def gradients(make: Callable[..., Distribution], at: tuple[float, ...]) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the value, its gradient in the value that it is of, and those in the parameters, by coordinate."""
    parameters = [torch.full_like(VALUES, value, requires_grad=True) for value in at]
    given = VALUES.clone().requires_grad_()
    found = transport(make(*parameters), given)
    own, *theirs = torch.autograd.grad(found.sum(), [given, *parameters], allow_unused=True, materialize_grads=True)
    return found.detach(), own, theirs


@pytest.mark.parametrize(("make", "at"), FAMILIES, ids=lambda one: getattr(one, "__name__", ""))
def test_the_noise_is_held_fixed(make: Callable[..., Distribution], at: tuple[float, ...]) -> None:
    found, own, slopes = gradients(make, at)
    torch.testing.assert_close(found, VALUES)
    assert not own.any()
    parameters = [torch.full_like(VALUES, value, requires_grad=True) for value in at]
    distribution = make(*parameters)
    density = distribution.log_prob(VALUES).exp().detach()
    for slope, of_cdf in zip(slopes, torch.autograd.grad(distribution.cdf(VALUES).sum(), parameters), strict=True):
        torch.testing.assert_close(slope, -of_cdf / density)


def test_the_noise_of_a_gamma_is_held_fixed() -> None:
    a, rate, step = 1.8, 0.7, 1e-6
    found, own, (of_concentration, of_rate) = gradients(Gamma, (a, rate))
    torch.testing.assert_close(found, VALUES)
    assert not own.any()
    z = VALUES.numpy()
    cdf = (gammainc(a + step, rate * z) - gammainc(a - step, rate * z)) / (2 * step)
    # PyTorch approximates this derivative to about four digits.
    slope = torch.as_tensor(-cdf / gamma.pdf(z, a, scale=1 / rate))
    torch.testing.assert_close(of_concentration, slope, rtol=3e-4, atol=0)
    torch.testing.assert_close(of_rate, -VALUES / rate)


def test_independent_coordinates_are_each_their_own() -> None:
    scale = torch.full_like(VALUES, 1.5)
    torch.testing.assert_close(transport(Independent(Normal(VALUES, scale), 1), VALUES + 1), VALUES + 1)


def test_what_is_no_function_of_parameters_is_refused() -> None:
    with pytest.raises(Unsupported, match="Poisson"):
        transport(Poisson(VALUES), VALUES)
