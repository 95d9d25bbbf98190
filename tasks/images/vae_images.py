"""Gaussian VAEs on clothes, characters and faces."""

from typing import final

from tasks.data import faces, mnist, omniglot
from tasks.data.images import Images
from tasks.images.vae import VAE, Architecture, Covariance
from tasks.parts.image_vae import PIXELS, Binarization
from tasks.parts.pixels import LogisticPixels


@final
class VAEFashion(VAE):
    """A Gaussian VAE on Fashion-MNIST, with the networks of `vae-mnist`.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        latent: as for `vae-mnist`, like all that follow.
        hidden: units in each hidden layer.
        depth: hidden layers, or convolutions.
        architecture: `mlp` or `conv`.
        layers: stochastic layers, 1 or 2.
        covariance: `diagonal` or `full`.
        beta: β, the weight of the divergence.
    """

    checked = ()

    def __init__(
        self,
        binarization: Binarization = "dynamic",
        latent: int = 50,
        hidden: int = 200,
        depth: int = 2,
        architecture: Architecture = "mlp",
        layers: int = 1,
        covariance: Covariance = "diagonal",
        beta: float = 1.0,
    ) -> None:
        super().__init__(PIXELS, binarization, latent, hidden, depth, architecture, layers, covariance, beta)

    def images(self) -> Images:
        return mnist.load("fashion_mnist")


@final
class VAEOmniglot(VAE):
    """A Gaussian VAE on Omniglot characters, 28×28, with the networks of `vae-mnist`.

    The split is not that of published numbers.

    Args:
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        latent: as for `vae-mnist`, like all that follow.
        hidden: units in each hidden layer.
        depth: hidden layers, or convolutions.
        architecture: `mlp` or `conv`.
        layers: stochastic layers, 1 or 2.
        covariance: `diagonal` or `full`.
        beta: β, the weight of the divergence.
    """

    checked = ()

    def __init__(
        self,
        binarization: Binarization = "dynamic",
        latent: int = 50,
        hidden: int = 200,
        depth: int = 2,
        architecture: Architecture = "mlp",
        layers: int = 1,
        covariance: Covariance = "diagonal",
        beta: float = 1.0,
    ) -> None:
        super().__init__(PIXELS, binarization, latent, hidden, depth, architecture, layers, covariance, beta)

    def images(self) -> Images:
        return omniglot.load()


@final
class VAEFaces(VAE):
    """A Gaussian VAE on Frey faces, 28×20 grey pixels of one face on video.

    Pixels are grey levels 0..255 under a discretized logistic with a learned scale for each pixel (`LogisticPixels`).
    Bounds are on probabilities, then, in nats per face; divided by 560 log 2 they are bits per pixel.

    Args:
        latent: as for `vae-mnist`, like all that follow.
        hidden: units in each hidden layer.
        depth: hidden layers, or convolutions.
        architecture: `mlp` or `conv`.
        layers: stochastic layers, 1 or 2.
        covariance: `diagonal` or `full`.
        beta: β, the weight of the divergence.
    """

    checked = ()

    def __init__(
        self,
        latent: int = 20,
        hidden: int = 200,
        depth: int = 2,
        architecture: Architecture = "mlp",
        layers: int = 1,
        covariance: Covariance = "diagonal",
        beta: float = 1.0,
    ) -> None:
        super().__init__(
            faces.PIXELS,
            "grey",
            latent,
            hidden,
            depth,
            architecture,
            layers,
            covariance,
            beta,
            width=faces.WIDTH,
            distribution=LogisticPixels(faces.PIXELS),
        )

    def images(self) -> Images:
        return faces.load()
