"""A variational auto-encoder with a latent on the simplex."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Distribution

from tasks.base import Draw
from tasks.parts.image_sets import Mnist
from tasks.parts.positive_vae import PositiveDecoder, PositiveGuide, PositiveVAE


@final
class DirichletGuide(PositiveGuide):
    """q_φ(z|x) = Dirichlet(z; α_φ(x))."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int) -> None:
        super().__init__(pixels, latent, hidden, depth, 1)

    def distribution(self, *parameters: Tensor) -> Distribution:
        (concentration,) = parameters
        return Dirichlet(concentration, validate_args=False)


@final
class DirichletDecoder(PositiveDecoder):
    """z ~ Dirichlet(a, …, a), x_i ~ Bernoulli(sigmoid(logits_θ(L z)_i)).

    The networks see L z, each coordinate of which has mean one, whatever L.
    """

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int, concentration: float) -> None:
        super().__init__(pixels, latent, hidden, depth, concentration)
        if latent < 2:
            raise ValueError(f"a simplex has at least 2 coordinates; latent is {latent}")

    def prior(self, x: Tensor, draw: Draw) -> None:
        concentration = torch.full((x.shape[0], self.latent), self.concentration, dtype=x.dtype, device=x.device)
        draw("z", Dirichlet(concentration, validate_args=False))

    def log_prior(self, z: Tensor) -> Tensor:
        a = self.concentration
        normaliser = math.lgamma(self.latent * a) - self.latent * math.lgamma(a)
        return normaliser + (a - 1) * z.log().sum(-1)

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(self.latent * z)


@dataclass(eq=False, repr=False)
class DirichletVAE(PositiveVAE):
    """A VAE with a Dirichlet latent on images; a subclass says which images.

    Args:
        latent: L, coordinates of z.
        concentration: a of the symmetric prior; 1 is uniform over the simplex, below it z is sparse.
    """

    def networks(self) -> tuple[DirichletGuide, DirichletDecoder]:
        sizes = self.pixels, self.latent, self.hidden, self.depth
        return DirichletGuide(*sizes), DirichletDecoder(*sizes, self.concentration)


@final
@dataclass(eq=False, repr=False)
class VAEDirichlet(DirichletVAE, Mnist):
    """A VAE with a Dirichlet latent on MNIST digits: the guide has no explicit reparameterization.

    Pathwise gradients are implicit (Figurnov, Mohamed & Mnih 2018), through normalised Gamma draws. The amortized guide
    and the decoder are the networks of `vae-mnist`, and so are the training settings.
    """
