"""Samples without replacement from a product of categorical variables, by stochastic beam search."""

from functools import singledispatch
from typing import final

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, OneHotCategorical

from estimators.distributions import Unsupported
from estimators.distributions.parameters import unwrapped
from estimators.draw import Draw
from tasks.numerics import log_sigmoid


@final
class WithoutReplacement(Draw):
    """K distinct values of one site, as if drawn one by one from what is left.

    Of all joint values those with the K largest perturbed log-probabilities are taken. Variable after variable, the K
    best beginnings are kept, the children's Gumbel noise conditioned on its maximum being the parent's.
    Kool, van Hoof & Welling 2019, "Stochastic beams and where to find them".
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    @torch.no_grad()
    def value(self, site: str, distribution: Distribution) -> Tensor:
        choices = _search(log_probabilities(distribution).detach(), self.samples)
        return _as_value(distribution, choices)


@singledispatch
def log_probabilities(distribution: Distribution) -> Tensor:
    """Return the log-probabilities of a site's independent variables, [B, V, C]."""
    raise Unsupported(f"{type(distribution).__name__} is not a product of categorical variables")


@log_probabilities.register
def _(distribution: Independent) -> Tensor:
    return log_probabilities(distribution.base_dist)


@log_probabilities.register
def _(distribution: Bernoulli) -> Tensor:
    logits = distribution.logits
    both = torch.stack([-logits, logits], -1)
    return log_sigmoid(both).reshape(logits.shape[0], -1, 2)


@log_probabilities.register
def _(distribution: Categorical) -> Tensor:
    return distribution.logits.reshape(distribution.logits.shape[0], -1, distribution.logits.shape[-1])


@log_probabilities.register
def _(distribution: OneHotCategorical) -> Tensor:
    return distribution.logits.reshape(distribution.logits.shape[0], -1, distribution.logits.shape[-1])


def _as_value(distribution: Distribution, choices: Tensor) -> Tensor:
    """Return choices [K, B, V] as values of the distribution, [K, B, event]."""
    inner = unwrapped(distribution)
    if isinstance(inner, OneHotCategorical):
        classes = torch.arange(inner.logits.shape[-1], device=choices.device)
        one_hot = (choices[..., None] == classes).to(inner.logits.dtype)
        return one_hot.reshape(len(choices), *inner.logits.shape)
    value = choices.reshape(len(choices), *inner.batch_shape)
    return value.to(inner.logits.dtype) if isinstance(inner, Bernoulli) else value


def _search(log_p: Tensor, samples: int) -> Tensor:
    """Return the choices of K distinct joint values, [K, B, V], of log_p [B, V, C]."""
    batch, variables, classes = log_p.shape
    total = perturbed = log_p.new_zeros(1, batch)
    chosen = torch.zeros(1, batch, 0, dtype=torch.long, device=log_p.device)
    for variable in range(variables):
        log_prob = total[:, :, None] + log_p[:, variable]
        noisy = log_prob - torch.log(-torch.log1p(-_open_uniform(log_prob)))
        below = _conditioned(noisy, perturbed[:, :, None]).movedim(1, 2).flatten(0, 1)
        keep = min(samples, len(below))
        perturbed, best = below.topk(keep, 0)
        parent, choice = best // classes, best % classes
        total = log_prob.movedim(1, 2).flatten(0, 1).gather(0, best)
        before = chosen.gather(0, parent[..., None].expand(-1, -1, variable))
        chosen = torch.cat([before, choice[..., None]], 2)
    return chosen


def _open_uniform(like: Tensor) -> Tensor:
    """Return U(0, 1) noise without its ends."""
    limits = torch.finfo(like.dtype)
    return torch.rand(like.shape, dtype=like.dtype, device=like.device).clamp(limits.tiny, 1 - limits.eps)


def _conditioned(noisy: Tensor, maximum: Tensor) -> Tensor:
    """Shift Gumbel variables [n, B, C] so that their maximum over C is `maximum` [n, B, 1]."""
    gap = noisy - noisy.amax(2, keepdim=True)
    # log(1 − exp(gap)); at the maximum itself it is −∞, and the value comes out as `maximum`.
    shifted = maximum - noisy + torch.log(-torch.expm1(gap))
    return maximum - shifted.clamp(min=0) - torch.log1p(torch.exp(-shifted.abs()))
