"""A draw with its density is the draw of `sample`, and its density that of `log_prob` at it, total derivative included.

Both sides are the same function of noise and parameters, in float64: they differ by rounding only.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Size, Tensor
from torch.distributions import (
    Distribution,
    Exponential,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

from estimators import distributions
from estimators.distributions import IID, Antithetic, Noise
from estimators.draw import Reparameterized
from tasks.images.vae import VAEMnist

FAMILIES: dict[str, Callable[[Tensor, Tensor], Distribution]] = {
    "normal": lambda loc, scale: Normal(loc, scale),
    "normal vector": lambda loc, scale: Independent(Normal(loc, scale), 1),
    "normal matrix": lambda loc, scale: Independent(Normal(loc, scale), 2),
    "normal, nothing summed": lambda loc, scale: Independent(Normal(loc, scale), 0),
    "full normal": lambda loc, scale: MultivariateNormal(loc, scale_tril=torch.diag_embed(scale) + 0.3 * LOWER),
    "log-normal vector": lambda loc, scale: Independent(LogNormal(loc, scale), 1),
    "log-normal": lambda loc, scale: LogNormal(loc, scale),
    "laplace vector": lambda loc, scale: Independent(Laplace(loc, scale), 1),
    "low-rank normal": lambda loc, scale: LowRankMultivariateNormal(loc, (loc * scale)[..., None], scale),
    "exponential": lambda loc, scale: Exponential(loc.exp() + scale),
}
LOWER = torch.ones(3, 3, dtype=torch.float64).tril(-1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("noise", [IID, Antithetic()], ids=["iid", "antithetic"])
def test_draw_density_and_total_derivative(family: str, noise: Noise) -> None:
    loc = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.5, -0.2]], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([[0.5, 1.5, 2.0], [1.0, 0.7, 3.0]], dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    path = distributions.path(FAMILIES[family](loc, scale), Size((4,)), noise)
    torch.manual_seed(0)
    distribution = FAMILIES[family](loc, scale)
    value = distributions.sample(distribution, Size((4,)), noise)
    expected = distributions.log_prob(distribution, value)
    torch.testing.assert_close(path.value, value, rtol=0, atol=0)
    torch.testing.assert_close(path.log_prob(), expected)
    # Weights, so that no derivative of a sum over samples cancels.
    weight = torch.linspace(1, 2, expected.numel(), dtype=torch.float64).reshape(expected.shape)
    actual, wanted = (
        torch.autograd.grad((weight * side).sum(), [loc, scale], allow_unused=True, materialize_grads=True)
        for side in (path.log_prob(), expected)
    )
    for one, other in zip(actual, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_site_that_depends_on_another() -> None:
    """q(z2|z1): the density of z2 depends on φ through z1, whatever it is evaluated from."""
    torch.manual_seed(0)
    task = VAEMnist(data="tiny", latent=1, hidden=4, depth=1, layers=2).double()
    x, draw = task.prepare(task.load().train), Reparameterized(3)
    task.guide(x, draw)
    parameters = list(task.guide.parameters())
    from_noise, from_value = draw.log_prob(), draw.trace.log_prob()
    torch.testing.assert_close(from_noise, from_value)
    weight = torch.linspace(1, 2, from_value.numel(), dtype=torch.float64).reshape(from_value.shape)
    actual, wanted = (
        torch.autograd.grad((weight * side).sum(), parameters, retain_graph=True, allow_unused=True)
        for side in (from_noise, from_value)
    )
    for one, other in zip(actual, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
