"""Log densities where torch's are not differentiable, not batched by `vmap` or not exact."""

import math
from functools import singledispatch
from typing import Final

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Distribution,
    Geometric,
    Independent,
    LogisticNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    StudentT,
    TransformedDistribution,
    VonMises,
)
from torch.nn.functional import softplus

from tasks.numerics import log_sigmoid

_LARGE: Final = 30.0
"""Above it, the series of log Γ(x + ½) − log Γ(x) is good to 1e-13."""


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
    return value * distribution.logits - softplus(distribution.logits)


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
def _(distribution: LogisticNormal, value: Tensor) -> Tensor:
    """Return log N(η; loc, scale²) − log |det dz/dη|, z_c = σ(u_c) Π_{j<c} σ(−u_j), u = η less its shift."""
    # The transform's own determinant calls PyTorch's `logsigmoid`; else this is what torch computes.
    taken = value[..., :-1]
    shift = torch.arange(taken.shape[-1], 0, -1, dtype=value.dtype, device=value.device).log()
    # The rest of the stick may round to zero or less.
    rest = (1 - taken.cumsum(-1)).clamp(min=torch.finfo(value.dtype).tiny)
    u = taken.log() - rest.log()
    log_slope = (log_sigmoid(-u) + taken.log()).sum(-1)
    return log_prob(distribution.base_dist, u + shift) - log_slope


@log_prob.register
def _(distribution: NegativeBinomial, value: Tensor) -> Tensor:
    count, logits = distribution.total_count, distribution.logits
    ways = torch.lgamma(count + value) - torch.lgamma(1 + value) - torch.lgamma(count)
    # Without a trial there is nothing to count: torch, too, says log 1 there.
    return ways.masked_fill(count + value == 0, 0.0) + count * log_sigmoid(-logits) + value * log_sigmoid(logits)


@log_prob.register
def _(distribution: VonMises, value: Tensor) -> Tensor:
    # torch approximates log I₀ by polynomials that are good to 1e-7 only, which a float64 check would see.
    concentration = distribution.concentration
    # As squares of sines, since cos − 1 loses every digit of a small angle.
    exponent = -2 * concentration * torch.sin((value - distribution.loc) / 2) ** 2
    # Just above zero, since torch's derivative of i0e at zero is that of an even function.
    scaled = torch.special.i0e(concentration + torch.finfo(concentration.dtype).tiny)
    return exponent - scaled.log() - math.log(2 * math.pi)


@log_prob.register
def _(distribution: LowRankMultivariateNormal, value: Tensor) -> Tensor:
    factor, diagonal = distribution._unbroadcasted_cov_factor, distribution._unbroadcasted_cov_diag
    capacitance = distribution._capacitance_tril
    difference = (value - distribution.loc)[..., None]
    # |D^{-½} (z − μ − W w)|² + |w|² at the w where it is least: a sum of squares, where torch's difference cancels.
    weight = torch.cholesky_solve(factor.mT @ (difference / diagonal[..., None]), capacitance)
    residual = (difference - factor @ weight)[..., 0]
    square = (residual.square() / diagonal).sum(-1) + weight[..., 0].square().sum(-1)
    log_scale = capacitance.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * diagonal.log().sum(-1)
    return -0.5 * square - log_scale - 0.5 * value.shape[-1] * math.log(2 * math.pi)


@log_prob.register
def _(distribution: StudentT, value: Tensor) -> Tensor:
    df, scale = distribution.df, distribution.scale
    # log √(1 + y²/ν), where in the tails the square would overflow.
    size = ((value - distribution.loc) / (scale * df.sqrt())).abs()
    near, far = size.clamp(max=1), size.clamp(min=1)
    tail = torch.where(size < 1, 0.5 * near.square().log1p(), far.log() + 0.5 * far.pow(-2).log1p())
    return _log_gamma_half_step(df / 2) - 0.5 * (df * math.pi).log() - scale.log() - (df + 1) * tail


def _log_gamma_half_step(x: Tensor) -> Tensor:
    """Return log Γ(x + ½) − log Γ(x); by a series for large x, where the difference of the two cancels."""
    large = x > _LARGE
    inner = torch.where(large, x, _LARGE)
    series = 0.5 * inner.log() - 1 / (8 * inner) + 1 / (192 * inner**3) - 1 / (640 * inner**5)
    x = x.clamp(max=_LARGE)
    return torch.where(large, series, torch.lgamma(x + 0.5) - torch.lgamma(x))


@log_prob.register
def _(distribution: Geometric, value: Tensor) -> Tensor:
    # From the logits: torch replaces elements in place, which `vmap` refuses, and 1 − p rounds to one.
    return log_sigmoid(distribution.logits) + value * log_sigmoid(-distribution.logits)
