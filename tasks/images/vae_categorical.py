"""A variational auto-encoder with categorical latents."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, OneHotCategorical

from tasks.base import Defaults, Draw, Guide, Latents, Target
from tasks.data import made_up, mnist, omniglot
from tasks.data.images import Images
from tasks.exact.enumeration import STATES, exact_bound, vectors
from tasks.parts.image_vae import PIXELS, Binarization, Chosen, ImageModel, ImageVAE, Source, binarization_of, digits
from tasks.parts.networks import dense, hidden_layers

SourceOrTiny = Literal["auto", "5k", "full", "static", "tiny"]


@final
class CategoricalGuide(Guide):
    """q_φ(z|x) = Π_l Categorical(z_l; softmax(logits_φ(x)_l)) over one-hot z [L, C], amortized; one site, `z`."""

    def __init__(self, pixels: int, variables: int, categories: int, sizes: list[int]) -> None:
        super().__init__()
        self.shape = (variables, categories)
        self.features = hidden_layers([pixels, *sizes], nn.ReLU)
        self.head = dense(sizes[-1], variables * categories)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hot(self.head(self.features(x)).unflatten(-1, self.shape)))


@final
class CategoricalDecoder(ImageModel):
    """z_l uniform over C categories, x_i ~ Bernoulli(σ(logits_θ(z)_i))."""

    def __init__(self, pixels: int, variables: int, categories: int, sizes: list[int]) -> None:
        super().__init__()
        self.shape = (variables, categories)
        self.features = hidden_layers([variables * categories, *sizes], nn.ReLU)
        self.output = dense(sizes[-1], pixels)

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hot(x.new_zeros(x.shape[0], *self.shape)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        # Linear in z, so that it is −L log C at one-hot values and smooth at relaxed ones.
        return -math.log(self.shape[1]) * z["z"].sum((-2, -1)) + self.log_likelihood(x, z)

    def logits(self, z: Latents) -> Tensor:
        return self.decode(z["z"])

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits of the pixels, [K, B, L, C] to [K, B, pixels]."""
        return self.output(self.features(z.flatten(-2)))


class CategoricalVAE(ImageVAE):
    """A VAE with L latents of C categories on images; a subclass says which images.

    ELBO, L_K and log p(x) are exact where C^L ≤ 4096.

    Args:
        pixels: per image.
        binarization: of the training images; see `ImageVAE`.
        categories: C.
        variables: L.
        sizes: units of the guide's hidden layers, ReLU; the decoder's are the same in reverse.
    """

    guide: CategoricalGuide
    model: CategoricalDecoder
    references: ClassVar[Mapping[str, str]] = {"elbo": "rebar", "iwae": "iwae-reinforce"}
    defaults: ClassVar[Defaults] = Defaults(
        steps=2000,
        batch_size=100,
        model_lr=5e-4,
        guide_lr=5e-4,
        replicates_cap=400,
        evaluation_samples=100,
    )

    def __init__(
        self,
        pixels: int,
        binarization: Binarization,
        categories: int,
        variables: int,
        sizes: list[int],
    ) -> None:
        if categories < 2 or variables < 1:
            raise ValueError(f"there must be at least 2 categories and 1 variable; there are {categories}, {variables}")
        if min(sizes) < 1:
            raise ValueError(f"hidden layers must have at least one unit; they have {sizes}")
        guide = CategoricalGuide(pixels, variables, categories, sizes)
        model = CategoricalDecoder(pixels, variables, categories, sizes[::-1])
        super().__init__(binarization, guide, model)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        variables, categories = self.model.shape
        if categories**variables > STATES:
            return None
        states = torch.eye(categories).to(x)[vectors(categories, variables).to(x.device)]
        return exact_bound(self.guide, self.model, x, {"z": states}, target, samples)


@final
class CategoricalMnist(CategoricalVAE):
    """A VAE with categorical latents on MNIST digits, 784–512–256–L·C–256–512–784.

    The default is 30 latents of 10 categories; ReinMax (Liu et al. 2023) also has C×L of 8×4, 4×24, 8×16, 16×12 and
    64×8, with `binarization=grey`; Kool, van Hoof & Welling (2020) have 10×20, at a step size of 1e-3, on digits
    thresholded at one half.

    Args:
        categories: C of each latent.
        variables: L, the number of latents.
        data: as for `vae-mnist`, or `tiny`: 16 made-up images of five pixels.
        binarization: as for `vae-mnist`.
        wide: units of the hidden layer next to the pixels.
        narrow: units of the hidden layer next to the latents.
    """

    checked = ({"categories": 3, "variables": 2, "data": "tiny", "wide": 4, "narrow": 4},)

    def __init__(
        self,
        categories: int = 10,
        variables: int = 30,
        data: SourceOrTiny = "auto",
        binarization: Chosen = "auto",
        wide: int = 512,
        narrow: int = 256,
    ) -> None:
        self.source: Source | None = None if data == "tiny" else data
        if self.source is not None:
            pixels, chosen = PIXELS, binarization_of(self.source, binarization)
        else:
            pixels, chosen = made_up.PIXELS, "static" if binarization == "auto" else binarization
        super().__init__(pixels, chosen, categories, variables, [wide, narrow])

    def images(self) -> Images:
        return made_up.load() if self.source is None else digits(self.source)


@final
class CategoricalFashion(CategoricalVAE):
    """A VAE with categorical latents on Fashion-MNIST, with the networks of `vae-categorical`.

    Args:
        categories: C of each latent.
        variables: L, the number of latents.
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        wide: units of the hidden layer next to the pixels.
        narrow: units of the hidden layer next to the latents.
    """

    checked = ()

    def __init__(
        self,
        categories: int = 10,
        variables: int = 30,
        binarization: Binarization = "dynamic",
        wide: int = 512,
        narrow: int = 256,
    ) -> None:
        super().__init__(PIXELS, binarization, categories, variables, [wide, narrow])

    def images(self) -> Images:
        return mnist.load("fashion_mnist")


@final
class CategoricalOmniglot(CategoricalVAE):
    """A VAE with categorical latents on Omniglot characters. The split is not that of published numbers.

    Args:
        categories: C of each latent.
        variables: L, the number of latents.
        binarization: `static`, `dynamic` or `grey`, see `ImageVAE`.
        wide: units of the hidden layer next to the pixels.
        narrow: units of the hidden layer next to the latents.
    """

    checked = ()

    def __init__(
        self,
        categories: int = 10,
        variables: int = 30,
        binarization: Binarization = "dynamic",
        wide: int = 512,
        narrow: int = 256,
    ) -> None:
        super().__init__(PIXELS, binarization, categories, variables, [wide, narrow])

    def images(self) -> Images:
        return omniglot.load()


def one_hot(logits: Tensor) -> Independent:
    """Return independent one-hot variables, logits [..., L, C], with the last two axes as event. Not validated."""
    return Independent(OneHotCategorical(logits=logits, validate_args=False), 1, validate_args=False)
