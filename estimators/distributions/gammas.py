"""Draws that are made of Gamma variables: of their logarithms, since a small concentration underflows."""

import torch
from torch import Size, Tensor
from torch.distributions import Beta, Dirichlet, Gamma, StudentT

from estimators.distributions.draws import sample
from estimators.distributions.implicit import log_standard_gamma
from estimators.distributions.noise import IID, Noise, refuse_unless_independent


@sample.register
def _(distribution: Gamma, shape: Size, noise: Noise = IID) -> Tensor:
    refuse_unless_independent(noise, "Gamma")
    log_gamma = log_standard_gamma(distribution.concentration.expand(distribution._extended_shape(shape)))
    return _above_zero((log_gamma - distribution.rate.log()).exp())


@sample.register
def _(distribution: Beta, shape: Size, noise: Noise = IID) -> Tensor:
    refuse_unless_independent(noise, "Beta")
    full = distribution._extended_shape(shape)
    # Two Gamma draws carry the implicit derivative; torch's own Beta draw has no batching rule for its derivative.
    first, second = (
        log_standard_gamma(concentration.expand(full))
        for concentration in (distribution.concentration1, distribution.concentration0)
    )
    value = (first - second).sigmoid()
    return _above_zero(value.clamp(max=1 - torch.finfo(value.dtype).eps))


@sample.register
def _(distribution: Dirichlet, shape: Size, noise: Noise = IID) -> Tensor:
    refuse_unless_independent(noise, "Dirichlet")
    log_gamma = log_standard_gamma(distribution.concentration.expand(distribution._extended_shape(shape)))
    return _above_zero(log_gamma.softmax(-1))


@sample.register
def _(distribution: StudentT, shape: Size, noise: Noise = IID) -> Tensor:
    """Draw μ + σ ε √(ν/χ²), χ² = 2 Gamma(ν/2, 1): a path in μ and σ, implicit in ν."""
    refuse_unless_independent(noise, "StudentT")
    full = distribution._extended_shape(shape)
    half = distribution.df.expand(full) / 2
    log_stretch = (half.log() - log_standard_gamma(half)) / 2
    return distribution.loc + distribution.scale * noise.normal(full, distribution.loc) * log_stretch.exp()


def _above_zero(value: Tensor) -> Tensor:
    """Return the values with the smallest positive number for what rounds to zero, so that its logarithm is finite."""
    return value.clamp(min=torch.finfo(value.dtype).tiny)
