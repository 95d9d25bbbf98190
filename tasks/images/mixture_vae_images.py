"""The mixed model on images: a categorical latent that chooses a Gaussian one, under Bernoulli pixels."""

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor

from tasks.base import Defaults, Latents
from tasks.data import mnist, omniglot
from tasks.data.images import Images
from tasks.latent_variables.mixture_vae import Mixture, MixtureGuide
from tasks.parts.image_vae import PIXELS, Binarization, Chosen, ImageModel, ImageVAE, Source, binarization_of, digits
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


class MixtureImageVAE(ImageVAE):
    """The lecture's mixed model on images; a subclass says which.

    z1 ~ Categorical(C), z2 ~ N(m_{z1}, S_{z1}), x ~ Bernoulli(σ(logits_θ(z1, z2))). The guide draws z1 first and z2
    given it.

    Args:
        binarization: of the training images; see `ImageVAE`.
        components: C.
        latent: dimension of z2.
        hidden: units of each network's hidden layer, tanh.
    """

    references: ClassVar[Mapping[str, str]] = {"elbo": "hybrid(discrete=enumerate)", "iwae": "iwae-reinforce"}
    defaults: ClassVar[Defaults] = Defaults(
        steps=2000,
        batch_size=100,
        samples=2,
        model_lr=1e-3,
        guide_lr=1e-3,
        replicates_cap=400,
        evaluation_samples=100,
    )

    def __init__(self, binarization: Binarization, components: int, latent: int, hidden: int) -> None:
        if components < 2 or min(latent, hidden) < 1:
            raise ValueError(
                f"there must be at least 2 components, 1 latent and 1 unit; there are {components}, {latent}, {hidden}"
            )
        guide = MixtureGuide(PIXELS, components, latent, hidden)
        super().__init__(binarization, guide, MixtureDecoder(PIXELS, components, latent, hidden))


@final
class MixtureMnist(MixtureImageVAE):
    """The lecture's mixed model on MNIST digits.

    Args:
        data: as for `vae-mnist`, but for `tiny`.
        binarization: as for `vae-mnist`.
        components: C, values of z1.
        latent: dimension of z2.
        hidden: units of each network's hidden layer, tanh.
    """

    def __init__(
        self,
        data: Source = "auto",
        binarization: Chosen = "auto",
        components: int = 10,
        latent: int = 20,
        hidden: int = 200,
    ) -> None:
        super().__init__(binarization_of(data, binarization), components, latent, hidden)
        self.source: Source = data

    def images(self) -> Images:
        return digits(self.source)


@final
class MixtureFashion(MixtureImageVAE):
    """The lecture's mixed model on Fashion-MNIST.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        components: C, values of z1.
        latent: dimension of z2.
        hidden: units of each network's hidden layer, tanh.
    """

    def __init__(
        self, binarization: Binarization = "dynamic", components: int = 10, latent: int = 20, hidden: int = 200
    ) -> None:
        super().__init__(binarization, components, latent, hidden)

    def images(self) -> Images:
        return mnist.load("fashion_mnist")


@final
class MixtureOmniglot(MixtureImageVAE):
    """The lecture's mixed model on Omniglot characters. The split is not that of published numbers.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        components: C, values of z1.
        latent: dimension of z2.
        hidden: units of each network's hidden layer, tanh.
    """

    def __init__(
        self, binarization: Binarization = "dynamic", components: int = 10, latent: int = 20, hidden: int = 200
    ) -> None:
        super().__init__(binarization, components, latent, hidden)

    def images(self) -> Images:
        return omniglot.load()
