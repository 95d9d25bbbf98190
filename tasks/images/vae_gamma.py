"""A variational auto-encoder with Gamma latents."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma, Independent

from tasks.base import Draw
from tasks.parts.image_sets import Mnist
from tasks.parts.positive_vae import PositiveDecoder, PositiveGuide, PositiveVAE


@final
class GammaGuide(PositiveGuide):
    """q_φ(z|x) = Π_l Gamma(z_l; α_φ(x)_l, β_φ(x)_l)."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int) -> None:
        super().__init__(pixels, latent, hidden, depth, 2)

    def distribution(self, *parameters: Tensor) -> Distribution:
        concentration, rate = parameters
        return Independent(Gamma(concentration, rate, validate_args=False), 1, validate_args=False)


@final
class GammaDecoder(PositiveDecoder):
    """z_l ~ Gamma(a, rate a), of mean one; x_i ~ Bernoulli(sigmoid(logits_θ(z)_i))."""

    def prior(self, x: Tensor, draw: Draw) -> None:
        both = torch.full((x.shape[0], self.latent), self.concentration, dtype=x.dtype, device=x.device)
        draw("z", Independent(Gamma(both, both, validate_args=False), 1, validate_args=False))

    def log_prior(self, z: Tensor) -> Tensor:
        a = self.concentration
        normaliser = self.latent * (a * math.log(a) - math.lgamma(a))
        return normaliser + ((a - 1) * z.log() - a * z).sum(-1)


@dataclass(eq=False, repr=False)
class GammaVAE(PositiveVAE):
    """A VAE with Gamma latents on images; a subclass says which images.

    Args:
        concentration: a of the prior Gamma(a, rate a); 1 is the exponential, below it z is sparse.
    """

    def networks(self) -> tuple[GammaGuide, GammaDecoder]:
        sizes = self.pixels, self.latent, self.hidden, self.depth
        return GammaGuide(*sizes), GammaDecoder(*sizes, self.concentration)


@final
@dataclass(eq=False, repr=False)
class VAEGamma(GammaVAE, Mnist):
    """A VAE with Gamma latents on MNIST digits: the guide has no explicit reparameterization.

    Pathwise gradients are implicit (Figurnov, Mohamed & Mnih 2018), or by rejection (Naesseth et al. 2017) or
    generalized (Ruiz, Titsias & Blei 2016) reparameterization. The amortized guide and the decoder are the networks of
    `vae-mnist`, and so are the training settings.
    """
