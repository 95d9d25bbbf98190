"""Log densities where torch's are not differentiable, not batched by `vmap` or not exact."""

import math
from functools import singledispatch

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    TransformedDistribution,
    VonMises,
)


@singledispatch
def log_prob(distribution: Distribution, value: Tensor) -> Tensor:
    """Return log q(value) in nats, differentiable at relaxed values of discrete families too.

    >>> import torch
    >>> from torch.distributions import OneHotCategorical
    >>> from estimators.distributions import log_prob
    >>> log_prob(OneHotCategorical(torch.tensor([0.25, 0.75])), torch.tensor([0.5, 0.5]))
    tensor(-0.8370)
    """
    return distribution.log_prob(value)


@log_prob.register
def _(distribution: Independent, value: Tensor) -> Tensor:
    dims = distribution.reinterpreted_batch_ndims
    if isinstance(distribution.base_dist, Normal) and dims:
        return _diagonal_normal(distribution.base_dist, value, tuple(range(-dims, 0)))
    inner = log_prob(distribution.base_dist, value)
    return inner.flatten(-dims).sum(-1) if dims else inner


def _diagonal_normal(normal: Normal, value: Tensor, event: tuple[int, ...]) -> Tensor:
    """Return Σ_event log N(value). Summed before it is put together: few operations, here and in the backward pass."""
    size = normal.scale.shape[event[0] :].numel()
    whitened = (value - normal.loc) / normal.scale
    return -0.5 * whitened.square().sum(event) - normal.scale.log().sum(event) - 0.5 * size * math.log(2 * math.pi)


@log_prob.register
def _(distribution: Bernoulli, value: Tensor) -> Tensor:
    return value * distribution.logits - torch.nn.functional.softplus(distribution.logits)


@log_prob.register
def _(distribution: OneHotCategorical, value: Tensor) -> Tensor:
    # torch takes an argmax here, which has no derivative at a relaxed value. The logits are normalised.
    return (value * distribution.logits).sum(-1)


@log_prob.register
def _(distribution: MultivariateNormal, value: Tensor) -> Tensor:
    factor = distribution._unbroadcasted_scale_tril
    whitened = torch.linalg.solve_triangular(factor, (value - distribution.loc)[..., None], upper=False)[..., 0]
    log_scale = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * whitened.square().sum(-1) - log_scale - 0.5 * value.shape[-1] * math.log(2 * math.pi)


@log_prob.register
def _(distribution: TransformedDistribution, value: Tensor) -> Tensor:
    # A transform with `cache_size=1` knows its last value by identity, and gives back what it was made of: the inverse
    # without the derivative in the transform's parameters, where that was drawn without gradient. A copy is not known.
    return distribution.log_prob(value.view_as(value))


@log_prob.register
def _(distribution: VonMises, value: Tensor) -> Tensor:
    # torch approximates log I₀ by polynomials that are good to 1e-7 only, which a float64 check would see.
    concentration = distribution.concentration
    exponent = concentration * (torch.cos(value - distribution.loc) - 1)
    return exponent - torch.special.i0e(concentration).log() - math.log(2 * math.pi)
