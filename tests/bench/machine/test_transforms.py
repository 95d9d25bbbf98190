"""Our gradient is that of `torch.func.grad` to the last bit, wherever it is taken."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from bench.machine.transforms import differentiated

X = torch.linspace(-1.0, 1.0, 6, dtype=torch.float64).reshape(3, 2)


def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    """Return a scalar that does not depend on `unused`."""
    return ((x @ parameters["weight"]).sin() * parameters["bias"]).exp().sum()


def parameters() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (2,), "bias": (), "unused": (4,)}
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}


def both(take: Callable[[Any], Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    torch.manual_seed(1)
    ours = take(differentiated)
    torch.manual_seed(1)
    return ours, take(grad)


def noisy(parameters: dict[str, Tensor], x: Tensor, _copy: Tensor) -> Tensor:
    """Return a loss with the gradient of another function in it, and with noise."""
    inner = grad(lambda point: (point**3).sum())(x + torch.randn(x.shape, dtype=x.dtype))
    return loss(parameters, x + inner)


@pytest.mark.parametrize(
    "take",
    [
        lambda of: of(loss)(parameters(), X),
        lambda of: vmap(of(loss), in_dims=(None, 0))(parameters(), X),
        lambda of: vmap(of(noisy), in_dims=(None, None, 0), randomness="different")(parameters(), X, torch.empty(5)),
        lambda of: {"weight": of(lambda weight: of(lambda w: (w**3).sum())(weight).sum())(parameters()["weight"])},
    ],
    ids=["plain", "by vmap", "replicates", "a gradient of a gradient"],
)
@pytest.mark.parametrize("is_on", [True, False], ids=["with autograd", "without"])
def test_it_is_that_of_torch_to_the_last_bit(take: Callable[[Any], Any], is_on: bool) -> None:
    with torch.set_grad_enabled(is_on):
        ours, theirs = both(take)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=0)


def test_a_value_that_depends_on_nothing_has_a_gradient_of_zero() -> None:
    assert differentiated(lambda x: torch.ones(()))(torch.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_a_module_is_differentiated_without_being_changed() -> None:
    module = nn.Linear(2, 1, dtype=torch.float64)
    values = {name: value.detach() for name, value in module.named_parameters()}

    def total(of: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(module, of, (x,)).sum()

    found = differentiated(partial(total))(values, X)
    assert found["bias"].item() == len(X)
    assert all(value.grad is None for value in module.parameters())
