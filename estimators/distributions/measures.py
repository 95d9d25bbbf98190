"""Weak derivatives of densities: ∂q/∂η as a weighted sum of densities that can be drawn from."""

import math
from dataclasses import dataclass, replace
from functools import singledispatch

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Distribution,
    Geometric,
    Independent,
    Laplace,
    LogNormal,
    Normal,
    OneHotCategorical,
    Poisson,
)

from estimators.distributions.noise import Unsupported
from tasks.numerics import log_sigmoid


@dataclass(frozen=True)
class Derivative:
    """The derivative in one parameter of a site: Σ_j weights_j f(z with one coordinate set to values_j).

    Attributes:
        parameter: its tensor, [B, event], or [B, event, C] for logits.
        values: [J, K, B, event], the alternatives for each coordinate.
        weights: [J, K, B, event], or [J, K, B, event, C], detached.
    """

    parameter: Tensor
    values: Tensor
    weights: Tensor


@singledispatch
def derivatives(distribution: Distribution, value: Tensor) -> list[Derivative]:
    """Return the derivative in each parameter, with fresh draws; `value` [K, B, event] gives shape and coupling."""
    raise Unsupported(f"no weak derivative is known for {type(distribution).__name__}")


@derivatives.register
def _(distribution: Independent, value: Tensor) -> list[Derivative]:
    return derivatives(distribution.base_dist, value)


@derivatives.register
def _(distribution: Normal, value: Tensor) -> list[Derivative]:
    loc, scale = distribution.loc.detach(), distribution.scale.detach()
    # Weibull(shape 2, scale √2) by inversion; 1 − u lies in (0, 1].
    weibull = (-2 * torch.log1p(-torch.rand_like(value))).sqrt()
    # Density ∝ m² exp(−m²/2): the length of a normal vector in three dimensions, with a random sign.
    normal = torch.randn((3, *value.shape), dtype=value.dtype, device=value.device)
    maxwell = normal.square().sum(0).sqrt() * normal[0].sign()
    by_loc = torch.stack([loc + scale * weibull, loc - scale * weibull])
    by_scale = torch.stack([loc + scale * maxwell, loc + scale * maxwell * torch.rand_like(value)])
    sign = _plus_minus(value)
    return [
        Derivative(distribution.loc, by_loc, (sign / (scale * math.sqrt(2 * math.pi))).expand_as(by_loc)),
        Derivative(distribution.scale, by_scale, (sign / scale).expand_as(by_scale)),
    ]


@derivatives.register
def _(distribution: LogNormal, value: Tensor) -> list[Derivative]:
    by_loc, by_scale = derivatives(distribution.base_dist, value)
    return [replace(part, values=part.values.exp()) for part in (by_loc, by_scale)]


@derivatives.register
def _(distribution: Laplace, value: Tensor) -> list[Derivative]:
    loc, scale = distribution.loc.detach(), distribution.scale.detach()
    first, second = -torch.log1p(-torch.rand((2, *value.shape), dtype=value.dtype, device=value.device))
    side = (torch.rand_like(value) - 0.5).sign()
    by_loc = torch.stack([loc + scale * first, loc - scale * first])
    # |z − μ| q ∝ a two-sided Gamma(2), of which the Laplace draw is one of two parts.
    by_scale = torch.stack([loc + scale * side * (first + second), loc + scale * side * first])
    sign = _plus_minus(value)
    return [
        Derivative(distribution.loc, by_loc, (sign / (2 * scale)).expand_as(by_loc)),
        Derivative(distribution.scale, by_scale, (sign / scale).expand_as(by_scale)),
    ]


@derivatives.register
def _(distribution: Bernoulli, value: Tensor) -> list[Derivative]:
    probs = distribution.probs.detach()
    values = torch.stack([torch.ones_like(value), torch.zeros_like(value)])
    slope = (probs * (1 - probs)).expand_as(value)
    return [Derivative(distribution.logits, values, torch.stack([slope, -slope]))]


@derivatives.register
def _(distribution: Poisson, value: Tensor) -> list[Derivative]:
    one = torch.ones_like(value)
    return [Derivative(distribution.rate, torch.stack([value + 1, value]), torch.stack([one, -one]))]


@derivatives.register
def _(distribution: Binomial, value: Tensor) -> list[Derivative]:
    """∂_p E f = n E[f(1 + y) − f(y)], y of one trial less."""
    probs, count = distribution.probs.detach(), distribution.total_count
    fewer = torch.zeros_like(value) + (count - 1).clamp(min=0)
    rest = torch.binomial(fewer, torch.zeros_like(value) + probs)
    slope = (count * probs * (1 - probs)).expand_as(value)
    # Where there is no trial there is no slope, and no value but 0.
    return [Derivative(distribution.logits, torch.stack([rest + (count > 0), rest]), torch.stack([slope, -slope]))]


@derivatives.register
def _(distribution: Geometric, value: Tensor) -> list[Derivative]:
    """∂_p E f = p⁻¹ E[f(z) − f(1 + z + z′)], z′ drawn as z."""
    logits = distribution.logits.detach()
    uniform = torch.rand((2, *value.shape), dtype=value.dtype, device=value.device)
    first, second = (torch.log1p(-uniform) / log_sigmoid(-logits)).floor()
    slope = (-logits).sigmoid().expand_as(value)
    return [Derivative(distribution.logits, torch.stack([first, 1 + first + second]), torch.stack([slope, -slope]))]


@derivatives.register
def _(distribution: Categorical, value: Tensor) -> list[Derivative]:
    classes = torch.arange(distribution.logits.shape[-1], dtype=value.dtype, device=value.device)
    values = classes.reshape(-1, *(1,) * value.dim()).expand(-1, *value.shape)
    return [Derivative(distribution.logits, values, _softmax_slope(distribution.probs, value.shape))]


@derivatives.register
def _(distribution: OneHotCategorical, value: Tensor) -> list[Derivative]:
    classes = torch.eye(value.shape[-1], dtype=value.dtype, device=value.device)
    values = classes.reshape(-1, *(1,) * (value.dim() - 1), value.shape[-1]).expand(-1, *value.shape)
    return [Derivative(distribution.logits, values, _softmax_slope(distribution.probs, value.shape[:-1]))]


def _plus_minus(value: Tensor) -> Tensor:
    """Return 1 and −1 along a new first axis, to be broadcast with `value`."""
    return torch.tensor([1.0, -1.0], dtype=value.dtype, device=value.device).reshape(2, *(1,) * value.dim())


def _softmax_slope(probs: Tensor, shape: torch.Size) -> Tensor:
    """Return ∂p_j/∂logit_c = p_j (δ_jc − p_c), [J, *shape, C]."""
    probs = probs.detach()
    slope = probs[..., :, None] * (
        torch.eye(probs.shape[-1], dtype=probs.dtype, device=probs.device) - probs[..., None, :]
    )
    return slope.movedim(-2, 0)[:, None].expand(-1, *shape, -1)
