"""A given value as a differentiable function of a distribution's parameters: T(T⁻¹(⊥z; ⊥η); η)."""

from functools import singledispatch

from torch import Tensor
from torch.distributions import Distribution, Exponential, Gamma, Independent, Laplace, LogNormal, Normal

from estimators.distributions.implicit import log_gamma_slope
from estimators.distributions.noise import Unsupported


@singledispatch
def transport(distribution: Distribution, value: Tensor) -> Tensor:
    """Return `value`, attached to the parameters as if it had been drawn from `distribution`."""
    raise Unsupported(f"no value of {type(distribution).__name__} is known as a function of its parameters")


@transport.register
def _(distribution: Independent, value: Tensor) -> Tensor:
    return transport(distribution.base_dist, value)


@transport.register
def _(distribution: Normal | Laplace, value: Tensor) -> Tensor:
    noise = ((value - distribution.loc) / distribution.scale).detach()
    return distribution.loc + distribution.scale * noise


@transport.register
def _(distribution: Exponential, value: Tensor) -> Tensor:
    return (value * distribution.rate).detach() / distribution.rate


@transport.register
def _(distribution: Gamma, value: Tensor) -> Tensor:
    unit = (value * distribution.rate).detach()
    concentration = distribution.concentration.expand_as(unit)
    slope = unit * log_gamma_slope(concentration.detach(), unit.log())
    return (unit + slope * (concentration - concentration.detach())) / distribution.rate


@transport.register
def _(distribution: LogNormal, value: Tensor) -> Tensor:
    return transport(distribution.base_dist, value.log()).exp()
