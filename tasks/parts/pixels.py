"""How pixels are distributed given their logits."""

import math
from abc import ABC, abstractmethod
from typing import Final, final

import torch
from torch import Tensor, nn

from tasks.numerics import log_sigmoid
from tasks.parts.networks import bernoulli_log_prob

_HALF_LEVEL: Final = 1 / 510
"""Half the distance of two grey levels, of which there are 256 from 0 to 1."""

_FIRST_SCALE: Final = 0.05


class Pixels(nn.Module, ABC):
    """A distribution of independent pixels around sigmoid(logits)."""

    @abstractmethod
    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        """Return Σ_pixels log p(x | logits) in nats: x [B, pixels] and logits [K, B, pixels] to [K, B]."""

    @abstractmethod
    def simulate(self, logits: Tensor) -> Tensor:
        """Draw pixels, without gradient, [K, B, pixels]."""

    def mean(self, logits: Tensor) -> Tensor:
        """Return the centre of each pixel's distribution, between 0 and 1."""
        return logits.sigmoid()


@final
class BernoulliPixels(Pixels):
    """x_i ~ Bernoulli(sigmoid(logits_i)); grey levels have the negative cross entropy for a log likelihood."""

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        return bernoulli_log_prob(x, logits)

    def simulate(self, logits: Tensor) -> Tensor:
        probs = logits.detach().sigmoid()
        return (torch.rand(probs.shape, dtype=probs.dtype, device=probs.device) < probs).to(probs.dtype)


@final
class LogisticPixels(Pixels):
    """Grey levels 0..255, divided by 255: a discretized logistic with location sigmoid(logits_i) and learned scale s_i.

    P(x_i) is what the logistic distribution has between x_i − 1/510 and x_i + 1/510; black has everything below too,
    and white everything above (Kingma et al. 2016; Salimans et al. 2017). It is a probability, so that log p(x) ≤ 0: a
    density could grow without bound at a pixel that is the same in all images.

    Args:
        pixels: per image; each has a scale, of 0.05 at first.
    """

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.full((pixels,), math.log(_FIRST_SCALE)))

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        scale = self.log_scale.exp()
        below = (x - logits.sigmoid() - _HALF_LEVEL) / scale
        above = below + 2 * _HALF_LEVEL / scale
        # sigmoid(a) − sigmoid(b) = sigmoid(a) sigmoid(−b) (1 − exp(b − a)), which stays accurate in the tails.
        up_to, beyond = log_sigmoid(above), log_sigmoid(-below)
        inside = up_to + beyond + torch.log(-torch.expm1(-2 * _HALF_LEVEL / scale))
        return torch.where(x <= 0, up_to, torch.where(x >= 1, beyond, inside)).sum(-1)

    def simulate(self, logits: Tensor) -> Tensor:
        loc = logits.detach().sigmoid()
        uniform = torch.rand(loc.shape, dtype=loc.dtype, device=loc.device).clamp(1e-6, 1 - 1e-6)
        grey = loc + self.log_scale.detach().exp() * torch.logit(uniform)
        return (255 * grey.clamp(0, 1)).round() / 255
