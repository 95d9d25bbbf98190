"""A factor on a gradient that is known only after the value has been used."""

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from estimators.parts.later import LaterFactor

Z = torch.tensor([[0.3, -1.0], [0.7, 0.2]], dtype=torch.float64)


def weighted(z: Tensor) -> Tensor:
    """Return Σ z³/3, [K, B], with its own value as factor on the gradient."""
    factor = LaterFactor()
    cubes = factor.on(z[..., None]).squeeze(-1) ** 3 / 3
    factor.becomes(cubes.detach())
    return cubes.sum()


def test_the_gradient_alone_is_multiplied():
    z = Z.clone().requires_grad_()
    value = weighted(z)
    torch.testing.assert_close(value.detach(), (Z**3).sum() / 3)
    (gradient,) = torch.autograd.grad(value, z)
    torch.testing.assert_close(gradient, Z**3 / 3 * Z**2)


def test_it_batches():
    many = torch.stack([Z, 2 * Z, -Z])
    torch.testing.assert_close(vmap(grad(weighted))(many), many**5 / 3)


def test_values_without_gradient_pass():
    torch.testing.assert_close(weighted(Z), (Z**3).sum() / 3)


def test_a_factor_that_is_never_said_is_an_error():
    z = Z.clone().requires_grad_()
    with pytest.raises(AssertionError, match="never set"):
        LaterFactor().on(z).sum().backward()
