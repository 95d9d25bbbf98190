"""Gaussian VAEs on clothes, characters, faces, and images of the user's own."""

from dataclasses import dataclass
from typing import final

from tasks.images.vae import VAE
from tasks.parts.image_sets import Faces, Fashion, Omniglot, OwnImages


@final
@dataclass(eq=False, repr=False)
class VAEFashion(VAE, Fashion):
    """A Gaussian VAE on Fashion-MNIST, with the networks of `vae-mnist`."""

    checked = ()


@final
@dataclass(eq=False, repr=False)
class VAEOmniglot(VAE, Omniglot):
    """A Gaussian VAE on Omniglot characters, 28×28, with the networks of `vae-mnist`.

    Published numbers use another split.
    """

    checked = ()


@final
@dataclass(eq=False, repr=False)
class VAEFaces(VAE, Faces):
    """A Gaussian VAE on Frey faces, 28×20 grey pixels of one face on video.

    Pixels are grey levels 0..255 under a discretized logistic with a learned scale for each pixel (`LogisticPixels`).
    Bounds are on probabilities, then, in nats per face; divided by 560 log 2 they are bits per pixel.
    """

    latent: int = 20

    checked = ()


@final
@dataclass(eq=False, repr=False)
class VAEImages(VAE, OwnImages):
    """A Gaussian VAE on the user's own images (docs/your-data.md), with the networks of `vae-mnist`."""

    checked = ()
