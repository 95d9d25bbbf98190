"""What torch.distributions lacks: draws with functional randomness, detached copies, enumeration.

`torch.func.vmap` batches replicates and seeds only over functional draws (`torch.randn(shape)`), while
`torch.distributions` draws in place. Each function here is dispatched on the distribution's type; a family of
your own is added with `families.sample.register(MyDistribution)`.
"""

from abc import ABC, abstractmethod
from functools import singledispatch

import torch
from torch import Size, Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    Normal,
    OneHotCategorical,
    Uniform,
)


class Unsupported(ValueError):
    """A family lacks an operation that an estimator needs; the message names both."""


class Noise(ABC):
    """A source of base noise. The first axis of `shape` is the axis of the K samples."""

    @abstractmethod
    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        """Return U(0, 1) noise of `shape` with the dtype and device of `like`."""

    @abstractmethod
    def normal(self, shape: Size, like: Tensor) -> Tensor:
        """Return N(0, 1) noise of `shape` with the dtype and device of `like`."""


class Independently(Noise):
    """Independent draws: plain Monte Carlo."""

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        return torch.rand(shape, dtype=like.dtype, device=like.device)

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        return torch.randn(shape, dtype=like.dtype, device=like.device)


class Antithetic(Noise):
    """Mirrored pairs along the sample axis: ε with −ε, u with 1 − u. An odd last sample has no partner."""

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        half = torch.rand(_halved(shape), dtype=like.dtype, device=like.device)
        return torch.cat([half, 1 - half])[: shape[0]]

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        half = torch.randn(_halved(shape), dtype=like.dtype, device=like.device)
        return torch.cat([half, -half])[: shape[0]]


def _halved(shape: Size) -> Size:
    return Size(((shape[0] + 1) // 2, *shape[1:]))


IID = Independently()


@singledispatch
def sample(distribution: Distribution, shape: Size, noise: Noise = IID) -> Tensor:
    """Draw `shape + batch + event`, differentiable in the parameters where `distribution.has_rsample`."""
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
def _(distribution: Gamma, shape: Size, noise: Noise = IID) -> Tensor:
    if noise is not IID:
        raise Unsupported(
            "Gamma is drawn by rejection, which mirrored or quasi-random noise does not fit; use iid draws"
        )
    full = distribution._extended_shape(shape)
    # Implicit reparameterization (Figurnov et al. 2018) is the derivative that PyTorch gives this draw.
    unit = torch._standard_gamma(distribution.concentration.expand(full))
    return unit.clamp(min=torch.finfo(unit.dtype).tiny) / distribution.rate


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
def detach(distribution: Distribution) -> Distribution:
    """Return a copy whose parameters carry no gradient."""
    raise Unsupported(f"no detached copy is registered for {type(distribution).__name__}")


@detach.register
def _(distribution: Independent) -> Distribution:
    return Independent(detach(distribution.base_dist), distribution.reinterpreted_batch_ndims, validate_args=False)


@detach.register
def _(distribution: Normal) -> Distribution:
    return Normal(distribution.loc.detach(), distribution.scale.detach(), validate_args=False)


@detach.register
def _(distribution: Uniform) -> Distribution:
    return Uniform(distribution.low.detach(), distribution.high.detach(), validate_args=False)


@detach.register
def _(distribution: Exponential) -> Distribution:
    return Exponential(distribution.rate.detach(), validate_args=False)


@detach.register
def _(distribution: Gamma) -> Distribution:
    return Gamma(distribution.concentration.detach(), distribution.rate.detach(), validate_args=False)


@detach.register
def _(distribution: Bernoulli) -> Distribution:
    return Bernoulli(logits=distribution.logits.detach(), validate_args=False)


@detach.register
def _(distribution: Categorical) -> Distribution:
    return Categorical(logits=distribution.logits.detach(), validate_args=False)


@detach.register
def _(distribution: OneHotCategorical) -> Distribution:
    return OneHotCategorical(logits=distribution.logits.detach(), validate_args=False)


@singledispatch
def log_prob(distribution: Distribution, value: Tensor) -> Tensor:
    """Return log q(value) in nats, differentiable at relaxed values of discrete families too."""
    return distribution.log_prob(value)


@log_prob.register
def _(distribution: Independent, value: Tensor) -> Tensor:
    inner = log_prob(distribution.base_dist, value)
    dims = distribution.reinterpreted_batch_ndims
    return inner.flatten(-dims).sum(-1) if dims else inner


@log_prob.register
def _(distribution: Bernoulli, value: Tensor) -> Tensor:
    return value * distribution.logits - torch.nn.functional.softplus(distribution.logits)


@log_prob.register
def _(distribution: OneHotCategorical, value: Tensor) -> Tensor:
    # torch takes an argmax here, which has no derivative at a relaxed value. The logits are normalised.
    return (value * distribution.logits).sum(-1)


@singledispatch
def support(distribution: Distribution) -> Tensor:
    """Return every value of one event of a discrete family, [S, event]."""
    raise Unsupported(f"{type(distribution).__name__} has no finite support to enumerate")


@support.register
def _(distribution: Bernoulli) -> Tensor:
    return torch.tensor([0.0, 1.0], dtype=distribution.logits.dtype, device=distribution.logits.device)


@support.register
def _(distribution: Categorical) -> Tensor:
    return torch.arange(distribution.logits.shape[-1], device=distribution.logits.device)


@support.register
def _(distribution: OneHotCategorical) -> Tensor:
    logits = distribution.logits
    return torch.eye(logits.shape[-1], dtype=logits.dtype, device=logits.device)


@support.register
def _(distribution: Independent) -> Tensor:
    single = support(distribution.base_dist)
    dims = distribution.base_dist.batch_shape[len(distribution.batch_shape) :]
    count = single.shape[0] ** dims.numel()
    index = torch.arange(count, device=single.device)[:, None]
    digits = index // single.shape[0] ** torch.arange(dims.numel(), device=single.device) % single.shape[0]
    return single[digits].reshape(count, *dims, *single.shape[1:])


@singledispatch
def support_size(distribution: Distribution) -> int:
    """Return the number of values of one event, without building them."""
    return support(distribution).shape[0]


@support_size.register
def _(distribution: Independent) -> int:
    dims = distribution.base_dist.batch_shape[len(distribution.batch_shape) :]
    return support_size(distribution.base_dist) ** dims.numel()


def family(distribution: Distribution) -> str:
    """Return the name of the family, through `Independent`."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return type(distribution).__name__
