"""The evidence of y ~ N(Φ w, σ² I) with w ~ N(0, α⁻¹ I), in closed form."""

import math

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal


def log_evidence(features: Tensor, y: Tensor, log_precision: Tensor, log_noise: Tensor, scale: float) -> Tensor:
    """Return log p(y) in nats, [...]: y ~ N(0, α⁻¹ Φ Φᵀ + σ² I).

    On a minibatch, with the likelihood to the power s = N/M: a normal density to the power s is, except for a constant,
    one of s times the precision.

    Args:
        features: Φ, [..., M, D].
        y: [..., M], or [M].
        log_precision: log α.
        log_noise: log σ.
        scale: s.
    """
    count = features.shape[-2]
    variance = torch.exp(2 * log_noise) / scale
    noise = variance * torch.eye(count, dtype=y.dtype, device=y.device)
    covariance = features @ features.mT * torch.exp(-log_precision) + noise
    density = MultivariateNormal(torch.zeros_like(y), covariance, validate_args=False).log_prob(y)
    return density + 0.5 * count * ((1 - scale) * (2 * log_noise + math.log(2 * math.pi)) - math.log(scale))
