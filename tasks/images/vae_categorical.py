"""A variational auto-encoder with categorical latents."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from tasks.base import Defaults, Draw, Guide, Latents, Target
from tasks.exact.enumeration import STATES, exact_bound, vectors
from tasks.parts.image_sets import Fashion, MnistOrTiny, Omniglot, OwnImages
from tasks.parts.image_vae import ImageModel, ImageVAE
from tasks.parts.networks import dense, hidden_layers, one_hots


@final
class CategoricalGuide(Guide):
    """q_φ(z|x) = Π_l Categorical(z_l; softmax(logits_φ(x)_l)) over one-hot z [L, C], amortized; one site, `z`."""

    def __init__(self, pixels: int, variables: int, categories: int, sizes: list[int]) -> None:
        super().__init__()
        self.shape = (variables, categories)
        self.features = hidden_layers([pixels, *sizes], nn.ReLU)
        self.head = dense(sizes[-1], variables * categories)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hots(self.head(self.features(x)).unflatten(-1, self.shape)))


@final
class CategoricalDecoder(ImageModel):
    """z_l uniform over C categories, x_i ~ Bernoulli(σ(logits_θ(z)_i))."""

    def __init__(self, pixels: int, variables: int, categories: int, sizes: list[int]) -> None:
        super().__init__()
        self.shape = (variables, categories)
        self.features = hidden_layers([variables * categories, *sizes], nn.ReLU)
        self.output = dense(sizes[-1], pixels)

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hots(x.new_zeros(x.shape[0], *self.shape)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        # Linear in z, so that it is −L log C at one-hot values and smooth at relaxed ones.
        return -math.log(self.shape[1]) * z["z"].sum((-2, -1)) + self.log_likelihood(x, z)

    def logits(self, z: Latents) -> Tensor:
        return self.decode(z["z"])

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits of the pixels, [K, B, L, C] to [K, B, pixels]."""
        return self.output(self.features(z.flatten(-2)))


@dataclass(eq=False, repr=False)
class CategoricalVAE(ImageVAE):
    """A VAE with L latents of C categories on images; a subclass says which images.

    ELBO, L_K and log p(x) are exact where C^L ≤ 4096.

    Args:
        categories: C of each latent.
        variables: L, the number of latents.
        wide: units of the hidden layer next to the pixels, ReLU.
        narrow: units of the hidden layer next to the latents, ReLU.
    """

    categories: int = 10
    variables: int = 30
    wide: int = 512
    narrow: int = 256
    guide: CategoricalGuide = field(init=False)
    model: CategoricalDecoder = field(init=False)
    references: ClassVar[Mapping[str, str]] = {"elbo": "rebar", "iwae": "iwae-reinforce"}
    defaults: ClassVar[Defaults] = replace(ImageVAE.defaults, model_lr=5e-4, guide_lr=5e-4)

    def networks(self) -> tuple[Guide, ImageModel]:
        categories, variables, sizes = self.categories, self.variables, [self.wide, self.narrow]
        if categories < 2 or variables < 1:
            raise ValueError(f"there must be at least 2 categories and 1 variable; there are {categories}, {variables}")
        if min(sizes) < 1:
            raise ValueError(f"hidden layers must have at least one unit; they have {sizes}")
        return (
            CategoricalGuide(self.pixels, variables, categories, sizes),
            CategoricalDecoder(self.pixels, variables, categories, sizes[::-1]),
        )

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if self.categories**self.variables > STATES:
            return None
        states = torch.eye(self.categories).to(x)[vectors(self.categories, self.variables).to(x.device)]
        return exact_bound(self.guide, self.model, x, {"z": states}, target, samples)


@final
@dataclass(eq=False, repr=False)
class CategoricalMnist(CategoricalVAE, MnistOrTiny):
    """A VAE with categorical latents on MNIST digits, 784–512–256–L·C–256–512–784.

    The default is 30 latents of 10 categories; ReinMax (Liu et al. 2023) also has C×L of 8×4, 4×24, 8×16, 16×12 and
    64×8, with `binarization=grey`; Kool, van Hoof & Welling (2020) have 10×20, at a step size of 1e-3, on digits
    thresholded at one half.
    """

    checked = ({"categories": 3, "variables": 2, "data": "tiny", "wide": 4, "narrow": 4},)


@final
@dataclass(eq=False, repr=False)
class CategoricalFashion(CategoricalVAE, Fashion):
    """A VAE with categorical latents on Fashion-MNIST, with the networks of `vae-categorical`."""

    checked = ()


@final
@dataclass(eq=False, repr=False)
class CategoricalOmniglot(CategoricalVAE, Omniglot):
    """A VAE with categorical latents on Omniglot characters. Published numbers use another split."""

    checked = ()


@final
@dataclass(eq=False, repr=False)
class CategoricalImages(CategoricalVAE, OwnImages):
    """A VAE with categorical latents on the user's own images (docs/your-data.md).

    The networks are those of `vae-categorical`.
    """

    checked = ()
