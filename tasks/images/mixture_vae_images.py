"""The mixed model on images: a categorical latent that chooses a Gaussian one, under Bernoulli pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch
from torch import Tensor

from tasks.base import Defaults, Guide, Latents
from tasks.latent_variables.mixture_vae import Mixture, MixtureGuide, check_mixture
from tasks.parts.image_sets import Fashion, Mnist, Omniglot
from tasks.parts.image_vae import ImageModel, ImageVAE
from tasks.parts.networks import dense, hidden_layers


@final
class MixtureDecoder(Mixture, ImageModel):
    """The mixture with x_i ~ Bernoulli(sigmoid(logits_θ(z1, z2)_i))."""

    def __init__(self, pixels: int, components: int, latent: int, hidden: int) -> None:
        super().__init__(components, latent)
        self.features = hidden_layers([components + latent, hidden])
        self.output = dense(hidden, pixels)

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        return ImageModel.log_likelihood(self, x, z)

    def logits(self, z: Latents) -> Tensor:
        return self.output(self.features(torch.cat([z["z1"], z["z2"]], -1)))


@dataclass(eq=False, repr=False)
class MixtureImageVAE(ImageVAE):
    """The lecture's mixed model on images; a subclass says which.

    z1 ~ Categorical(C), z2 ~ N(m_{z1}, S_{z1}), x ~ Bernoulli(σ(logits_θ(z1, z2))). The guide draws z1 first and z2
    given it.

    Args:
        components: C, values of z1.
        latent: dimension of z2.
        hidden: units of each network's hidden layer, tanh.
    """

    components: int = 10
    latent: int = 20
    hidden: int = 200
    references: ClassVar[Mapping[str, str]] = {"elbo": "hybrid(discrete=enumerate)", "iwae": "iwae-reinforce"}
    defaults: ClassVar[Defaults] = replace(ImageVAE.defaults, samples=2, guide_lr=1e-3)

    def networks(self) -> tuple[Guide, ImageModel]:
        sizes = self.components, self.latent, self.hidden
        check_mixture(*sizes)
        return MixtureGuide(self.pixels, *sizes), MixtureDecoder(self.pixels, *sizes)


@final
@dataclass(eq=False, repr=False)
class MixtureMnist(MixtureImageVAE, Mnist):
    """The lecture's mixed model on MNIST digits."""


@final
@dataclass(eq=False, repr=False)
class MixtureFashion(MixtureImageVAE, Fashion):
    """The lecture's mixed model on Fashion-MNIST."""


@final
@dataclass(eq=False, repr=False)
class MixtureOmniglot(MixtureImageVAE, Omniglot):
    """The lecture's mixed model on Omniglot characters. Published numbers use another split."""
