"""Draws of counts, which carry no derivative."""

import torch
from torch import Size, Tensor
from torch.distributions import Binomial, Geometric, NegativeBinomial, Poisson

from estimators.distributions.densities import log_prob
from estimators.distributions.draws import invert_categorical, sample
from estimators.distributions.implicit import log_standard_gamma
from estimators.distributions.noise import IID, Independently, Noise, refuse_unless_independent
from estimators.distributions.supports import support
from tasks.numerics import log_sigmoid, poisson


@sample.register
def _(distribution: Poisson, shape: Size, noise: Noise = IID) -> Tensor:
    refuse_unless_independent(noise, "Poisson")
    return poisson(distribution.rate.expand(distribution._extended_shape(shape)))


@sample.register
def _(distribution: Binomial, shape: Size, noise: Noise = IID) -> Tensor:
    full, probs = distribution._extended_shape(shape), distribution.probs.detach()
    if isinstance(noise, Independently):
        # Both as large and as batched as the probabilities: torch takes the shape of the result from the count.
        return torch.binomial(torch.zeros_like(probs).expand(full) + distribution.total_count, probs.expand(full))
    values = support(distribution)
    log_mass = log_prob(distribution, values.reshape(-1, *(1,) * probs.dim())).detach()
    return invert_categorical(log_mass.movedim(0, -1).exp(), full, noise).to(probs.dtype)


@sample.register
def _(distribution: Geometric, shape: Size, noise: Noise = IID) -> Tensor:
    """Draw ⌊log(1 − u) / log(1 − p)⌋, the failures before the first success."""
    logits = distribution.logits.detach()
    uniform = noise.uniform(distribution._extended_shape(shape), logits)
    # A quasi-random u rounds to one in single precision.
    uniform = uniform.clamp(max=1 - torch.finfo(uniform.dtype).eps / 2)
    return (torch.log1p(-uniform) / log_sigmoid(-logits)).floor()


@sample.register
def _(distribution: NegativeBinomial, shape: Size, noise: Noise = IID) -> Tensor:
    """Draw Poisson(λ), λ ~ Gamma(r, (1 − p)/p)."""
    refuse_unless_independent(noise, "NegativeBinomial")
    count = distribution.total_count.detach().expand(distribution._extended_shape(shape))
    return poisson((log_standard_gamma(count) + distribution.logits.detach()).exp())
