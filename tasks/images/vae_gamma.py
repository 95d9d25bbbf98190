"""A variational auto-encoder with Gamma latents."""

import math
from typing import final

import torch
from torch import Tensor
from torch.distributions import Gamma, Independent

from tasks.base import Draw, Guide
from tasks.data.images import Images
from tasks.parts.gaussian_vae import Decoder
from tasks.parts.image_vae import PIXELS, Chosen, ImageVAE, Source, binarization_of, digits
from tasks.parts.networks import Positive, dense, hidden_layers
from tasks.parts.sizes import at_least, positive


@final
class GammaGuide(Guide):
    """q_φ(z|x) = Π_l Gamma(z_l; α_φ(x)_l, β_φ(x)_l), amortized; one site, `z`. Both are softplus outputs."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.features = hidden_layers([pixels] + [hidden] * depth)
        self.head = Positive(hidden, latent, 2)

    def forward(self, x: Tensor, draw: Draw) -> None:
        concentration, rate = self.head(self.features(x))
        draw("z", Independent(Gamma(concentration, rate, validate_args=False), 1, validate_args=False))


@final
class GammaDecoder(Decoder):
    """z_l ~ Gamma(a, rate a), of mean one; x_i ~ Bernoulli(sigmoid(logits_θ(z)_i))."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int, concentration: float) -> None:
        super().__init__(latent, hidden_layers([latent] + [hidden] * depth), dense(hidden, pixels))
        positive(concentration=concentration)
        self.concentration = concentration

    def prior(self, x: Tensor, draw: Draw) -> None:
        both = torch.full((x.shape[0], self.latent), self.concentration, dtype=x.dtype, device=x.device)
        draw("z", Independent(Gamma(both, both, validate_args=False), 1, validate_args=False))

    def log_prior(self, z: Tensor) -> Tensor:
        a = self.concentration
        normaliser = self.latent * (a * math.log(a) - math.lgamma(a))
        return normaliser + ((a - 1) * z.log() - a * z).sum(-1)


@final
class VAEGamma(ImageVAE):
    """A VAE with Gamma latents on MNIST digits: the guide has no explicit reparameterization.

    Pathwise gradients are implicit (Figurnov, Mohamed & Mnih 2018), or by rejection (Naesseth et al. 2017) or
    generalized (Ruiz, Titsias & Blei 2016) reparameterization. The amortized guide and the decoder are the networks of
    `vae-mnist`, and so are the training settings.

    Args:
        data: as for `vae-mnist`.
        binarization: as for `vae-mnist`.
        latent: dimension of z.
        hidden: units in each hidden layer, of guide and model.
        depth: hidden layers of each, tanh.
        concentration: a of the prior Gamma(a, rate a); 1 is the exponential, below it z is sparse.
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
        guide = GammaGuide(PIXELS, latent, hidden, depth)
        model = GammaDecoder(PIXELS, latent, hidden, depth, concentration)
        super().__init__(binarization_of(data, binarization), guide, model)
        self.data: Source = data

    def images(self) -> Images:
        return digits(self.data)
