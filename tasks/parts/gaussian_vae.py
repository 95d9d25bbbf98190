"""Guides and decoders of Gaussian latents, in one or two stochastic layers."""

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Independent

from tasks.base import Draw, Guide, Latents
from tasks.parts.image_vae import ImageModel, Output
from tasks.parts.networks import DiagonalNormal, FullNormal, diagonal_normal


@final
class GaussianGuide(Guide):
    """q_φ(z|x) = N(loc_φ(x), Σ_φ(x)), amortized; one site, `z`.

    Args:
        features: x [B, pixels] to [B, hidden].
        head: to the distribution; Σ is diagonal or full.
    """

    def __init__(self, features: nn.Module, head: DiagonalNormal | FullNormal) -> None:
        super().__init__()
        self.features = features
        self.head = head

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", self.head(self.features(x)))


@final
class TwoLayerGuide(Guide):
    """q_φ(z1, z2|x) = q(z1|x) q(z2|z1), each Gaussian as in `GaussianGuide`; sites `z1`, next to x, and `z2`.

    Args:
        first: x [B, pixels] to [B, hidden].
        first_head: to q(z1|x).
        second: z1 [K, B, latent of z1] to features.
        second_head: to q(z2|z1).
    """

    def __init__(
        self,
        first: nn.Module,
        first_head: DiagonalNormal | FullNormal,
        second: nn.Module,
        second_head: DiagonalNormal | FullNormal,
    ) -> None:
        super().__init__()
        self.first, self.first_head = first, first_head
        self.second, self.second_head = second, second_head

    def forward(self, x: Tensor, draw: Draw) -> None:
        z1 = draw("z1", self.first_head(self.first(x)))
        draw("z2", self.second_head(self.second(z1)))


class Decoder(ImageModel):
    """z ~ N(0, I), and independent pixels given z; their logits are those of networks at z.

    With β ≠ 1 the likelihood is tempered: log p(x, z) is log p(z) + (1/β) log p(x|z).

    Args:
        latent: dimension of z.
        features: z to [K, B, hidden].
        output: features to the logits of the pixels.
        beta: β.
    """

    def __init__(
        self,
        latent: int,
        features: nn.Module,
        output: Output | nn.Linear,
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.features = features
        self.output = output
        self.beta = beta

    @property
    def normalised(self) -> bool:
        return self.beta == 1

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", _standard_normal(x, self.latent))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.log_prior(z["z"]) + self.log_likelihood(x, z) / self.beta

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats, [K, B, latent] to [K, B]."""
        return -0.5 * z.square().sum(-1) - 0.5 * self.latent * math.log(2 * math.pi)

    def logits(self, z: Latents) -> Tensor:
        return self.decode(z["z"])

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits of the pixels, [K, B, latent] to [K, B, pixels]."""
        return self.output(self.features(z))


@final
class TwoLayerDecoder(Decoder):
    """z2 ~ N(0, I), z1 ~ N(loc_θ(z2), diag scale_θ(z2)²), and independent pixels given z1.

    Args:
        latent: dimension of z2.
        above: z2 to features.
        above_head: to p(z1|z2).
        features: z1 to [K, B, hidden].
        output: features to the logits of the pixels.
        beta: β, as for `Decoder`.
    """

    def __init__(
        self,
        latent: int,
        above: nn.Module,
        above_head: DiagonalNormal,
        features: nn.Module,
        output: Output | nn.Linear,
        beta: float = 1.0,
    ) -> None:
        super().__init__(latent, features, output, beta)
        self.above, self.above_head = above, above_head

    def prior(self, x: Tensor, draw: Draw) -> None:
        z2 = draw("z2", _standard_normal(x, self.latent))
        draw("z1", self._below(z2))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        log_prior = self.log_prior(z["z2"]) + self._below(z["z2"]).log_prob(z["z1"])
        return log_prior + self.log_likelihood(x, z) / self.beta

    def logits(self, z: Latents) -> Tensor:
        return self.decode(z["z1"])

    def _below(self, z2: Tensor) -> Independent:
        return self.above_head(self.above(z2))


def _standard_normal(x: Tensor, size: int) -> Independent:
    zeros = x.new_zeros(x.shape[0], size)
    return diagonal_normal(zeros, torch.ones_like(zeros))
