"""Draws with functional randomness, differentiable in the parameters where the family allows it."""

import math
from functools import singledispatch
from typing import cast

import torch
from torch import Size, Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Exponential,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    TransformedDistribution,
    Uniform,
    VonMises,
)

from estimators.distributions.implicit import standard_von_mises
from estimators.distributions.noise import IID, Noise, Unsupported, refuse_unless_independent


@singledispatch
def sample(distribution: Distribution, shape: Size, noise: Noise = IID) -> Tensor:
    """Draw `shape + batch + event`, differentiable in the parameters where the family is `reparameterizable`.

    >>> import torch
    >>> from torch.distributions import Laplace
    >>> from estimators.distributions import sample
    >>> sample(Laplace(torch.ones(2, requires_grad=True), 1.0), torch.Size([3])).requires_grad
    True
    """
    raise Unsupported(f"no functional draw is registered for {type(distribution).__name__}")


@sample.register
def _(distribution: Independent, shape: Size, noise: Noise = IID) -> Tensor:
    return sample(distribution.base_dist, shape, noise)


@sample.register
def _(distribution: Normal, shape: Size, noise: Noise = IID) -> Tensor:
    full = distribution._extended_shape(shape)
    return distribution.loc + distribution.scale * noise.normal(full, distribution.loc)


@sample.register
def _(distribution: Uniform, shape: Size, noise: Noise = IID) -> Tensor:
    full = distribution._extended_shape(shape)
    return distribution.low + (distribution.high - distribution.low) * noise.uniform(full, distribution.low)


@sample.register
def _(distribution: Exponential, shape: Size, noise: Noise = IID) -> Tensor:
    full = distribution._extended_shape(shape)
    return -torch.log1p(-noise.uniform(full, distribution.rate)) / distribution.rate


@sample.register
def _(distribution: MultivariateNormal, shape: Size, noise: Noise = IID) -> Tensor:
    epsilon = noise.normal(distribution._extended_shape(shape), distribution.loc)
    return distribution.loc + (distribution._unbroadcasted_scale_tril @ epsilon[..., None])[..., 0]


@sample.register
def _(distribution: LowRankMultivariateNormal, shape: Size, noise: Noise = IID) -> Tensor:
    factor = distribution._unbroadcasted_cov_factor
    full = distribution._extended_shape(shape)
    common = noise.normal(Size((*full[:-1], factor.shape[-1])), distribution.loc)
    own = noise.normal(full, distribution.loc)
    shared = (factor @ common[..., None])[..., 0]
    return distribution.loc + shared + distribution._unbroadcasted_cov_diag.sqrt() * own


@sample.register
def _(distribution: Laplace, shape: Size, noise: Noise = IID) -> Tensor:
    # By inversion about the median, where u and 1 − u mirror each other; u = 0 would be at infinity.
    level = 2 * noise.uniform(distribution._extended_shape(shape), distribution.loc) - 1
    size = level.abs().clamp(max=1 - torch.finfo(level.dtype).eps)
    return distribution.loc - distribution.scale * level.sign() * torch.log1p(-size)


@sample.register
def _(distribution: TransformedDistribution, shape: Size, noise: Noise = IID) -> Tensor:
    value = sample(distribution.base_dist, shape, noise)
    for transform in distribution.transforms:
        value = cast(Tensor, transform(value))
    return value


@sample.register
def _(distribution: VonMises, shape: Size, noise: Noise = IID) -> Tensor:
    refuse_unless_independent(noise, "VonMises")
    angle = standard_von_mises(distribution.concentration.expand(distribution._extended_shape(shape)))
    return (distribution.loc + angle + math.pi) % (2 * math.pi) - math.pi


@sample.register
def _(distribution: Bernoulli, shape: Size, noise: Noise = IID) -> Tensor:
    probs = distribution.probs.detach()
    return (noise.uniform(distribution._extended_shape(shape), probs) < probs).to(probs.dtype)


@sample.register
def _(distribution: Categorical, shape: Size, noise: Noise = IID) -> Tensor:
    return invert_categorical(distribution.probs.detach(), distribution._extended_shape(shape), noise)


@sample.register
def _(distribution: OneHotCategorical, shape: Size, noise: Noise = IID) -> Tensor:
    probs = distribution.probs.detach()
    index = invert_categorical(probs, distribution._extended_shape(shape)[:-1], noise)
    return (index[..., None] == torch.arange(probs.shape[-1], device=probs.device)).to(probs.dtype)


def invert_categorical(probs: Tensor, shape: Size, noise: Noise) -> Tensor:
    """Return the index of a category, `shape`, with probabilities along the last axis of `probs`."""
    u = noise.uniform(shape, probs)
    # The last edge is left out: rounding may put it below one, and no draw may fall behind the last category.
    return (u[..., None] > probs.cumsum(-1)[..., :-1]).sum(-1)


@singledispatch
def reparameterizable(distribution: Distribution) -> bool:
    """Return whether draws of `sample` carry a derivative in the parameters, explicitly or implicitly.

    >>> from torch.distributions import Bernoulli, VonMises
    >>> from estimators.distributions import reparameterizable
    >>> reparameterizable(VonMises(0.0, 1.0)), reparameterizable(Bernoulli(0.5))
    (True, False)
    """
    return distribution.has_rsample


@reparameterizable.register
def _(distribution: Independent) -> bool:
    return reparameterizable(distribution.base_dist)


@reparameterizable.register
def _(distribution: OneHotCategoricalStraightThrough) -> bool:
    # Its `rsample` is a hard draw with the slope of the probabilities: no derivative of any expectation.
    return False


@reparameterizable.register
def _(distribution: VonMises) -> bool:
    # torch gives this draw no derivative; `standard_von_mises` does.
    return True
