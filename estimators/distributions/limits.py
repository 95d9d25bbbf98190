"""Where draws are too small, too large or too close together for their dtype: where z no longer says what was drawn."""

import math
from functools import singledispatch
from typing import Final, Literal

import torch
from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    StudentT,
    TransformedDistribution,
    Uniform,
    VonMises,
)

_SHARE: Final = 1e-3
"""The share of draws that may lie beyond the dtype's numbers; what they bias by is as small a part of the whole."""

_STEPS: Final = 32
"""How many neighbouring numbers a scale must span, so that rounding changes no squared distance by a thousandth."""

_DOUBLE: Final = ", or float64"

_End = Literal["below the smallest", "above the largest"]

_SPREAD: Final = 5.0
"""Standard deviations within which the draws must be numbers."""


@singledispatch
def beyond(distribution: Distribution) -> str | None:
    """Return why draws cannot be held in their dtype, and what to do; None where they can.

    It looks at the parameters' values, so it is for use outside `torch.func.vmap`.

    >>> import torch
    >>> from torch.distributions import Gamma
    >>> from estimators.distributions import beyond
    >>> beyond(Gamma(torch.tensor(0.5), 1.0)) is None
    True
    >>> print(beyond(Gamma(torch.tensor(0.01), 1.0)))  # doctest: +NORMALIZE_WHITESPACE
    Gamma with concentration 0.01, where 41.8% of draws would be below the smallest float32; use a concentration of
    0.0791 or more, or float64
    """
    return None


@beyond.register
def _(distribution: Independent) -> str | None:
    return beyond(distribution.base_dist)


@beyond.register
def _(distribution: TransformedDistribution) -> str | None:
    return beyond(distribution.base_dist)


@beyond.register
def _(distribution: Gamma) -> str | None:
    return _small("Gamma", "concentration", distribution.concentration, "below the smallest")


@beyond.register
def _(distribution: Dirichlet) -> str | None:
    return _small("Dirichlet", "concentration", distribution.concentration, "below the smallest")


@beyond.register
def _(distribution: Beta) -> str | None:
    smallest = float(distribution.concentration0.detach().min())
    eps = torch.finfo(distribution.concentration0.dtype).eps
    if (share := eps**smallest) > _SHARE:
        helps = torch.finfo(torch.float64).eps ** smallest <= _SHARE
        return (
            f"Beta with concentration0 {smallest:.3g}, where {share:.1%} of draws would round to 1; use one of"
            f" {_least(eps):.3g} or more{_DOUBLE * helps}, or a Dirichlet of two, which holds both ends"
        )
    return _small("Beta", "concentration1", distribution.concentration1, "below the smallest")


@beyond.register
def _(distribution: StudentT) -> str | None:
    # |z| > 1/ε has about the probability ε^ν: the largest number is as far from one as the smallest.
    return _small("StudentT", "df", distribution.df, "above the largest") or _close(
        "StudentT", distribution.loc, distribution.scale
    )


@beyond.register
def _(distribution: Normal) -> str | None:
    return _close("Normal", distribution.loc, distribution.scale)


@beyond.register
def _(distribution: Laplace) -> str | None:
    return _close("Laplace", distribution.loc, distribution.scale)


@beyond.register
def _(distribution: MultivariateNormal) -> str | None:
    scale = distribution._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1)
    return _close("MultivariateNormal", distribution.loc, scale)


@beyond.register
def _(distribution: LowRankMultivariateNormal) -> str | None:
    return _close("LowRankMultivariateNormal", distribution.loc, distribution._unbroadcasted_cov_diag.sqrt())


@beyond.register
def _(distribution: Uniform) -> str | None:
    return _close(
        "Uniform", torch.maximum(distribution.low.abs(), distribution.high), distribution.high - distribution.low
    )


@beyond.register
def _(distribution: VonMises) -> str | None:
    return _close("VonMises", distribution.loc, distribution.concentration.rsqrt(), "1/√concentration")


@beyond.register
def _(distribution: LogNormal) -> str | None:
    loc, scale = distribution.loc.detach(), distribution.scale.detach()
    limit, double = (-math.log(torch.finfo(dtype).tiny) for dtype in (loc.dtype, torch.float64))
    reach = float((loc.abs() + _SPREAD * scale).max())
    if reach > limit:
        return (
            f"LogNormal with loc up to {float(loc.abs().max()):.3g} and scale up to {float(scale.max()):.3g}, whose"
            f" draws are too large or too small for {_name(loc)}; bring |loc| + {_SPREAD:g} scale below {limit:.3g}"
            f"{_DOUBLE * (reach <= double)}"
        )
    # The relative spacing of numbers is the spacing of their logarithms.
    return _close("LogNormal", loc.abs().clamp(min=1), scale)


def _small(family: str, name: str, value: Tensor, end: _End) -> str | None:
    """Refuse an exponent α where draws lie beyond the dtype's numbers with a probability of tiny^α, as these do."""
    smallest, tiny = float(value.detach().min()), torch.finfo(value.dtype).tiny
    share = tiny**smallest
    if share <= _SHARE:
        return None
    helps = torch.finfo(torch.float64).tiny ** smallest <= _SHARE
    return (
        f"{family} with {name} {smallest:.3g}, where {share:.1%} of draws would be {end} {_name(value)};"
        f" use a {name} of {_least(tiny):.3g} or more{_DOUBLE * helps}"
    )


def _close(family: str, loc: Tensor, scale: Tensor, name: str = "scale") -> str | None:
    """Refuse a scale that is not wide in comparison with the spacing of the dtype's numbers about loc."""
    eps = torch.finfo(loc.dtype).eps
    size, scale = torch.broadcast_tensors(loc.detach().abs(), scale.detach())
    worst = (scale - _STEPS * eps * size).argmin()
    at, narrow = float(size.flatten()[worst]), float(scale.flatten()[worst])
    least = _STEPS * eps * at
    if narrow >= least:
        return None
    helps = narrow >= _STEPS * torch.finfo(torch.float64).eps * at
    return (
        f"{family} with {name} {narrow:.3g} about ±{at:.3g}, where draws differ by less than {_name(loc)} resolves;"
        f" use a {name} of {least:.3g} or more{_DOUBLE * helps}"
    )


def _least(end: float) -> float:
    """Return the exponent α at which end^α is the share that may be lost."""
    return math.log(_SHARE) / math.log(end)


def _name(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
