"""Reparameterized draws whose log density is that of the noise they were made from."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from torch import Size, Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LogisticNormal,
    LogNormal,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)

from estimators.distributions.densities import log_prob
from estimators.distributions.draws import sample
from estimators.distributions.noise import IID, Noise


@dataclass(frozen=True)
class Path:
    """A draw z = T(ε, φ).

    Attributes:
        value: z, as `sample` gives it.
        log_prob: returns log q_φ(z) with its total derivative in φ. It is a function of ε and φ: where z itself is what
            is differentiated in, `distributions.log_prob` at z is needed.
    """

    value: Tensor
    log_prob: Callable[[], Tensor]


@singledispatch
def path(distribution: Distribution, shape: Size, noise: Noise = IID) -> Path:
    """Draw `shape + batch + event`, with the log density at the draw.

    A Gaussian's is log N(ε; 0, 1) − log scale: the derivatives through z and through the parameters cancel except for
    the scale's, which here costs no work and no rounding.

    >>> import torch
    >>> from torch.distributions import Normal
    >>> from estimators.distributions import path
    >>> drawn = path(Normal(torch.zeros(2), 1.0), torch.Size([3]))
    >>> drawn.value.shape, drawn.log_prob().shape
    (torch.Size([3, 2]), torch.Size([3, 2]))
    """
    value = sample(distribution, shape, noise)
    return Path(value, lambda: log_prob(distribution, value))


@path.register
def _(distribution: Independent, shape: Size, noise: Noise = IID) -> Path:
    normal, dims = distribution.base_dist, distribution.reinterpreted_batch_ndims
    if not dims:
        return path(normal, shape, noise)
    if not isinstance(normal, Normal):
        inner = path(normal, shape, noise)
        return Path(inner.value, lambda: inner.log_prob().flatten(-dims).sum(-1))
    epsilon, event = noise.normal(distribution._extended_shape(shape), normal.loc), tuple(range(-dims, 0))
    value = normal.loc + normal.scale * epsilon
    return Path(value, lambda: _standard_normal(epsilon, event) - normal.scale.log().sum(event))


@path.register
def _(distribution: LogNormal, shape: Size, noise: Noise = IID) -> Path:
    epsilon, scale = noise.normal(distribution._extended_shape(shape), distribution.loc), distribution.scale
    log_value = distribution.loc + scale * epsilon
    return Path(log_value.exp(), lambda: -0.5 * (epsilon.square() + math.log(2 * math.pi)) - scale.log() - log_value)


@path.register
def _(distribution: MultivariateNormal, shape: Size, noise: Noise = IID) -> Path:
    factor = distribution._unbroadcasted_scale_tril
    epsilon = noise.normal(distribution._extended_shape(shape), distribution.loc)
    value = distribution.loc + (factor @ epsilon[..., None])[..., 0]
    return Path(value, lambda: _standard_normal(epsilon, (-1,)) - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1))


@path.register
def _(distribution: LogisticNormal, shape: Size, noise: Noise = IID) -> Path:
    value = sample(distribution, shape, noise)
    return Path(value, lambda: log_prob(distribution, value))


@path.register
def _(distribution: TransformedDistribution, shape: Size, noise: Noise = IID) -> Path:
    value = sample(distribution, shape, noise)
    # Here a cached inverse is right: it carries the same derivatives as the draw, and some transforms have no other.
    return Path(value, lambda: distribution.log_prob(value))


def _standard_normal(epsilon: Tensor, event: tuple[int, ...]) -> Tensor:
    """Return Σ_event log N(ε; 0, 1)."""
    size = epsilon.shape[event[0] :].numel()
    return -0.5 * (epsilon.square().sum(event) + size * math.log(2 * math.pi))
