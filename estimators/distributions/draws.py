"""Draws with functional randomness, differentiable in the parameters where the family allows it."""

import math
from functools import singledispatch
from typing import cast

import torch
from torch import Size, Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
    TransformedDistribution,
    Uniform,
    VonMises,
)

from estimators.distributions.implicit import standard_gamma, standard_von_mises
from estimators.distributions.noise import IID, Independently, Noise, Unsupported


@singledispatch
def sample(distribution: Distribution, shape: Size, noise: Noise = IID) -> Tensor:
    """Draw `shape + batch + event`, differentiable in the parameters where the family is `reparameterizable`.

    >>> import torch
    >>> from torch.distributions import Gamma
    >>> from estimators.distributions import sample
    >>> sample(Gamma(torch.ones(2, requires_grad=True), 1.0), torch.Size([3])).requires_grad
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
def _(distribution: TransformedDistribution, shape: Size, noise: Noise = IID) -> Tensor:
    value = sample(distribution.base_dist, shape, noise)
    for transform in distribution.transforms:
        value = cast(Tensor, transform(value))
    return value


@sample.register
def _(distribution: Gamma, shape: Size, noise: Noise = IID) -> Tensor:
    _refuse_unless_independent(noise, "Gamma")
    full = distribution._extended_shape(shape)
    return _positive_gamma(distribution.concentration, full) / distribution.rate


@sample.register
def _(distribution: Beta, shape: Size, noise: Noise = IID) -> Tensor:
    _refuse_unless_independent(noise, "Beta")
    full = distribution._extended_shape(shape)
    # Two Gamma draws carry the implicit derivative; torch's own Beta draw has no batching rule for its derivative.
    first = _positive_gamma(distribution.concentration1, full)
    value = first / (first + _positive_gamma(distribution.concentration0, full))
    limits = torch.finfo(value.dtype)
    return value.clamp(limits.tiny, 1 - limits.eps)


@sample.register
def _(distribution: Dirichlet, shape: Size, noise: Noise = IID) -> Tensor:
    _refuse_unless_independent(noise, "Dirichlet")
    gammas = _positive_gamma(distribution.concentration, distribution._extended_shape(shape))
    value = gammas / gammas.sum(-1, keepdim=True)
    return value.clamp(min=torch.finfo(value.dtype).tiny)


@sample.register
def _(distribution: VonMises, shape: Size, noise: Noise = IID) -> Tensor:
    _refuse_unless_independent(noise, "VonMises")
    angle = standard_von_mises(distribution.concentration.expand(distribution._extended_shape(shape)))
    return (distribution.loc + angle + math.pi) % (2 * math.pi) - math.pi


@sample.register
def _(distribution: Poisson, shape: Size, noise: Noise = IID) -> Tensor:
    _refuse_unless_independent(noise, "Poisson")
    return torch.poisson(distribution.rate.detach().expand(distribution._extended_shape(shape)))


def _positive_gamma(concentration: Tensor, shape: Size) -> Tensor:
    """Draw Gamma(concentration, 1), kept above zero, where a small concentration would underflow to."""
    gamma = standard_gamma(concentration.expand(shape))
    return gamma.clamp(min=torch.finfo(gamma.dtype).tiny)


def _refuse_unless_independent(noise: Noise, name: str) -> None:
    if not isinstance(noise, Independently):
        raise Unsupported(
            f"{name} is drawn by rejection, which mirrored or quasi-random noise does not fit; use iid draws"
        )


@sample.register
def _(distribution: Bernoulli, shape: Size, noise: Noise = IID) -> Tensor:
    probs = distribution.probs.detach()
    return (noise.uniform(distribution._extended_shape(shape), probs) < probs).to(probs.dtype)


@sample.register
def _(distribution: Categorical, shape: Size, noise: Noise = IID) -> Tensor:
    return _invert_categorical(distribution.probs.detach(), distribution._extended_shape(shape), noise)


@sample.register
def _(distribution: OneHotCategorical, shape: Size, noise: Noise = IID) -> Tensor:
    probs = distribution.probs.detach()
    index = _invert_categorical(probs, distribution._extended_shape(shape)[:-1], noise)
    return (index[..., None] == torch.arange(probs.shape[-1], device=probs.device)).to(probs.dtype)


def _invert_categorical(probs: Tensor, shape: Size, noise: Noise) -> Tensor:
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
