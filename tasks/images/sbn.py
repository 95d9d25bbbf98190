"""Sigmoid belief networks on digits, clothes and characters."""

from typing import final

from tasks.data import mnist, omniglot
from tasks.data.images import Images
from tasks.parts.image_vae import PIXELS, Binarization, Chosen, Source, binarization_of, digits
from tasks.parts.sigmoid_belief import Architecture, SigmoidBeliefNetwork


@final
class SBNMnist(SigmoidBeliefNetwork):
    """A sigmoid belief network on MNIST digits, 784–200 (linear) or 784–200–200–200.

    Args:
        data: as for `vae-mnist`.
        binarization: as for `vae-mnist`.
        architecture: of every network: `linear`, or `nonlinear` with two hidden layers, LeakyReLU(0.3).
        layers: of latents, 1 to 3.
        latent: Bernoulli variables in each layer.
        hidden: units in each hidden layer of a nonlinear network.
    """

    def __init__(
        self,
        data: Source = "auto",
        binarization: Chosen = "auto",
        architecture: Architecture = "linear",
        layers: int = 1,
        latent: int = 200,
        hidden: int = 200,
    ) -> None:
        super().__init__(PIXELS, binarization_of(data, binarization), architecture, layers, latent, hidden)
        self.data: Source = data

    def images(self) -> Images:
        return digits(self.data)


@final
class SBNFashion(SigmoidBeliefNetwork):
    """A sigmoid belief network on Fashion-MNIST.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        architecture: as for `sbn-mnist`.
        layers: of latents, 1 to 3.
        latent: Bernoulli variables in each layer.
        hidden: units in each hidden layer of a nonlinear network.
    """

    def __init__(
        self,
        binarization: Binarization = "dynamic",
        architecture: Architecture = "linear",
        layers: int = 1,
        latent: int = 200,
        hidden: int = 200,
    ) -> None:
        super().__init__(PIXELS, binarization, architecture, layers, latent, hidden)

    def images(self) -> Images:
        return mnist.load("fashion_mnist")


@final
class SBNOmniglot(SigmoidBeliefNetwork):
    """A sigmoid belief network on Omniglot characters, 28×28. The split is not that of published numbers.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        architecture: as for `sbn-mnist`.
        layers: of latents, 1 to 3.
        latent: Bernoulli variables in each layer.
        hidden: units in each hidden layer of a nonlinear network.
    """

    def __init__(
        self,
        binarization: Binarization = "dynamic",
        architecture: Architecture = "linear",
        layers: int = 1,
        latent: int = 200,
        hidden: int = 200,
    ) -> None:
        super().__init__(PIXELS, binarization, architecture, layers, latent, hidden)

    def images(self) -> Images:
        return omniglot.load()
