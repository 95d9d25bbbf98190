"""A variational auto-encoder with a latent on the simplex."""

import math
from typing import final

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from tasks.base import Draw, Guide
from tasks.data.images import Images
from tasks.parts.gaussian_vae import Decoder
from tasks.parts.image_vae import PIXELS, Chosen, ImageVAE, Source, binarization_of, digits
from tasks.parts.networks import Positive, dense, hidden_layers
from tasks.parts.sizes import at_least, positive


@final
class DirichletGuide(Guide):
    """q_φ(z|x) = Dirichlet(z; α_φ(x)), amortized; one site, `z` [L]. α is a softplus output."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.features = hidden_layers([pixels] + [hidden] * depth)
        self.head = Positive(hidden, latent, 1)

    def forward(self, x: Tensor, draw: Draw) -> None:
        (concentration,) = self.head(self.features(x))
        draw("z", Dirichlet(concentration, validate_args=False))


@final
class DirichletDecoder(Decoder):
    """z ~ Dirichlet(a, …, a), x_i ~ Bernoulli(sigmoid(logits_θ(L z)_i)).

    The networks see L z, each coordinate of which has mean one, whatever L.
    """

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int, concentration: float) -> None:
        super().__init__(latent, hidden_layers([latent] + [hidden] * depth), dense(hidden, pixels))
        if latent < 2:
            raise ValueError(f"a simplex has at least 2 coordinates; latent is {latent}")
        positive(concentration=concentration)
        self.concentration = concentration

    def prior(self, x: Tensor, draw: Draw) -> None:
        concentration = torch.full((x.shape[0], self.latent), self.concentration, dtype=x.dtype, device=x.device)
        draw("z", Dirichlet(concentration, validate_args=False))

    def log_prior(self, z: Tensor) -> Tensor:
        a = self.concentration
        normaliser = math.lgamma(self.latent * a) - self.latent * math.lgamma(a)
        return normaliser + (a - 1) * z.log().sum(-1)

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(self.latent * z)


@final
class VAEDirichlet(ImageVAE):
    """A VAE with a Dirichlet latent on MNIST digits: the guide has no explicit reparameterization.

    Pathwise gradients are implicit (Figurnov, Mohamed & Mnih 2018), through normalised Gamma draws. The amortized guide
    and the decoder are the networks of `vae-mnist`, and so are the training settings.

    Args:
        data: as for `vae-mnist`.
        binarization: as for `vae-mnist`.
        latent: L, coordinates of z.
        hidden: units in each hidden layer, of guide and model.
        depth: hidden layers of each, tanh.
        concentration: a of the symmetric prior; 1 is uniform over the simplex, below it z is sparse.
    """

    def __init__(
        self,
        data: Source = "auto",
        binarization: Chosen = "auto",
        latent: int = 50,
        hidden: int = 200,
        depth: int = 2,
        concentration: float = 1.0,
    ) -> None:
        at_least(1, latent=latent, hidden=hidden, depth=depth)
        guide = DirichletGuide(PIXELS, latent, hidden, depth)
        model = DirichletDecoder(PIXELS, latent, hidden, depth, concentration)
        super().__init__(binarization_of(data, binarization), guide, model)
        self.data: Source = data

    def images(self) -> Images:
        return digits(self.data)
