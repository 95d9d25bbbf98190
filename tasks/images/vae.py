"""Variational auto-encoders with Gaussian latents on images (Kingma & Welling 2014)."""

import copy
from dataclasses import dataclass
from typing import Literal, Self, final, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Guide, Target
from tasks.data import made_up
from tasks.data.images import Images
from tasks.exact.gaussian_grid import gaussian_bound
from tasks.parts.convolutions import ConvolutionalFeatures, ConvolutionalOutput
from tasks.parts.gaussian_vae import Decoder, GaussianGuide, TwoLayerDecoder, TwoLayerGuide
from tasks.parts.guides import Covariance, GuideKind, NormalTable, SharedNormal, check_kind, index_column, indexed_bytes
from tasks.parts.image_vae import PIXELS, Binarization, Chosen, ImageVAE, Output, Source, binarization_of, digits
from tasks.parts.networks import DiagonalNormal, FullNormal, dense, hidden_layers
from tasks.parts.pixels import Pixels
from tasks.parts.sizes import at_least, positive

Architecture = Literal["mlp", "conv"]
SourceOrTiny = Literal["auto", "5k", "full", "static", "tiny"]


@dataclass(frozen=True)
class Networks:
    """The networks of a Gaussian VAE on images.

    Attributes:
        latent: dimension of z; with two stochastic layers of z2, and z1 has twice as many.
        hidden: units in each hidden layer next to the pixels; between z1 and z2 there are half as many.
        depth: hidden layers, tanh; with `conv`, convolutions of stride 2, 1 or 2 of them, between pixels and one hidden
            layer.
        architecture: `mlp`, or `conv` for what is next to the pixels.
        layers: stochastic layers, 1 or 2.
        covariance: of each site of the guide, diagonal or full.

    Raises:
        ValueError: a network would have nothing in it, or there is no such choice.
    """

    latent: int
    hidden: int
    depth: int
    architecture: Architecture = "mlp"
    layers: int = 1
    covariance: Covariance = "diagonal"

    def __post_init__(self) -> None:
        at_least(1, latent=self.latent, hidden=self.hidden, depth=self.depth)
        if self.architecture not in get_args(Architecture):
            raise ValueError(f"architecture must be mlp or conv; it is '{self.architecture}'")
        if self.layers not in (1, 2):
            raise ValueError(f"layers must be 1 or 2; it is {self.layers}")
        if self.covariance not in get_args(Covariance):
            raise ValueError(f"covariance must be diagonal or full; it is '{self.covariance}'")

    @property
    def total(self) -> int:
        """Coordinates of all latents."""
        return self.latent if self.layers == 1 else 3 * self.latent

    def guide(self, pixels: int, width: int) -> Guide:
        """Return q_φ, for images of `pixels` in rows of `width`."""
        features = self._features(pixels, width)
        if self.layers == 1:
            return GaussianGuide(features, self._head(self.hidden, self.latent))
        below = 2 * self.latent
        first = self._head(self.hidden, below)
        second = hidden_layers([below, *self._between])
        return TwoLayerGuide(features, first, second, self._head(self._between[-1], self.latent))

    def decoder(self, pixels: int, width: int, distribution: Pixels | None, beta: float) -> Decoder:
        """Return p_θ, for images of `pixels` in rows of `width`; beta is β."""
        if self.layers == 1:
            return Decoder(self.latent, *self._to_pixels(self.latent, pixels, width), distribution, beta)
        below = 2 * self.latent
        above = hidden_layers([self.latent, *self._between])
        head = DiagonalNormal(self._between[-1], below)
        return TwoLayerDecoder(self.latent, above, head, *self._to_pixels(below, pixels, width), distribution, beta)

    @property
    def _between(self) -> list[int]:
        return [max(1, self.hidden // 2)] * self.depth

    def _head(self, inputs: int, size: int) -> DiagonalNormal | FullNormal:
        return DiagonalNormal(inputs, size) if self.covariance == "diagonal" else FullNormal(inputs, size)

    def _features(self, pixels: int, width: int) -> nn.Module:
        if self.architecture == "conv":
            return ConvolutionalFeatures(pixels, width, self.hidden, self.depth)
        return hidden_layers([pixels] + [self.hidden] * self.depth)

    def _to_pixels(self, inputs: int, pixels: int, width: int) -> tuple[nn.Module, Output | nn.Linear]:
        if self.architecture == "conv":
            features = hidden_layers([inputs, self.hidden], nn.ELU)
            return features, ConvolutionalOutput(pixels, width, self.hidden, self.depth)
        return hidden_layers([inputs] + [self.hidden] * self.depth), dense(self.hidden, pixels)


class VAE(ImageVAE):
    """A VAE with Gaussian latents on images; a subclass says which images.

    The objective of a β-VAE (Higgins et al. 2017) is E log p(x|z) − β KL(q(z|x) ‖ p(z)). It is β times the ELBO of a
    model whose likelihood is tempered, log p(x, z) = log p(z) + (1/β) log p(x|z), and that model is what estimators
    see: every target keeps its meaning, for this joint density, and no estimator has to know of β. What is trained on
    and measured is the objective divided by β; Adam does not feel a factor. Wake-sleep is refused, since nothing can be
    drawn from a tempered likelihood. Final bounds are those of the model itself, with β = 1.

    Args:
        pixels: per image.
        binarization: of the training images; see `ImageVAE`.
        latent: dimension of z.
        hidden: units in each hidden layer, of guide and model.
        depth: hidden layers of each, tanh.
        architecture: see `Networks`.
        layers: see `Networks`.
        covariance: see `Networks`.
        beta: β, positive.
        guide: `amortized`, `shared` by all x, or `per-datapoint`, both of one stochastic layer.
        width: pixels in a row of an image.
        distribution: of the pixels; Bernoulli, unless another is given.
    """

    model: Decoder

    def __init__(
        self,
        pixels: int,
        binarization: Binarization,
        latent: int,
        hidden: int,
        depth: int,
        architecture: Architecture = "mlp",
        layers: int = 1,
        covariance: Covariance = "diagonal",
        beta: float = 1.0,
        guide: GuideKind = "amortized",
        width: int = 28,
        distribution: Pixels | None = None,
    ) -> None:
        positive(beta=beta)
        check_kind(guide)
        networks = Networks(latent, hidden, depth, architecture, layers, covariance)
        chosen = networks.guide(pixels, width) if guide == "amortized" else self._table(guide, networks)
        super().__init__(binarization, chosen, networks.decoder(pixels, width, distribution, beta))
        self.latents = networks.total
        self.beta = beta

    def _table(self, kind: GuideKind, networks: Networks) -> Guide:
        """Return a guide without a network, at the prior but for the noise that tells datapoints apart."""
        if networks.layers > 1:
            raise ValueError(f"guide={kind} is for one stochastic layer; with layers={networks.layers} it is amortized")
        if kind == "shared":
            return SharedNormal(torch.zeros(networks.latent), 0.0, networks.covariance)
        # The data are read here, since the table has a row for each of them.
        start = 0.01 * torch.randn(len(self.images().train), networks.latent)
        return NormalTable(start, 0.0, networks.covariance)

    def load(self) -> Data:
        data = super().load()
        return indexed_bytes(data) if self.guide.indexed else data

    def prepare(self, raw: Tensor) -> Tensor:
        if not isinstance(self.guide, NormalTable):
            return super().prepare(raw)
        x = super().prepare(raw[:, : len(self.model.output.bias)])
        return torch.cat([x, index_column(raw, len(self.guide.loc)).to(x.dtype)], 1)

    def evaluated(self) -> Self:
        if self.beta == 1:
            return self
        plain = copy.deepcopy(self)
        plain.beta = plain.model.beta = 1.0
        return plain

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        return gaussian_bound(self.guide, self.model, x, self.latents, target, samples)


@final
class VAEMnist(VAE):
    """A Gaussian VAE on MNIST digits, 784–200–200–50 (Burda, Grosse & Salakhutdinov 2016).

    With two stochastic layers it is theirs too: 784–200–200–z1(100)–100–100–z2(50), and back. ELBO and log p(x) are
    exact where there are at most three latent numbers, of both layers together, and images are tiny.

    The objective of a β-VAE is E log p(x|z) − β KL(q(z|x) ‖ p(z)); estimators see it divided by β, as the ELBO of a
    model with log p(x, z) = log p(z) + (1/β) log p(x|z). The final ELBO and log-likelihood are those of β = 1.

    Args:
        data: `full` is all 70 000 digits, `5k` the 5000 embedded ones, `auto` the former where they are in the cache
            folder and the latter where not, `static` the fixed binarization of Salakhutdinov & Murray, `tiny` 16
            made-up images of five pixels.
        binarization: of the training images, see `ImageVAE`; `auto` is dynamic, but for data=static and data=tiny.
        latent: dimension of z; with two stochastic layers of z2, and z1 has twice as many.
        hidden: units in each hidden layer, of guide and model; half as many between z1 and z2.
        depth: hidden layers of each, tanh; with architecture=conv, 1 or 2 convolutions of stride 2 next to the pixels.
        architecture: of the networks next to the pixels, `mlp` or `conv`.
        layers: stochastic layers, 1 or 2.
        covariance: of q(z|x), `diagonal` or `full`.
        beta: β, the weight of the divergence.
        guide: `amortized`, `shared` by all x, or `per-datapoint`, a table with a row for each training digit.
    """

    checked = (
        {"data": "tiny", "latent": 1, "hidden": 3, "depth": 1},
        {"data": "tiny", "latent": 2, "hidden": 3, "depth": 1, "covariance": "full", "beta": 2.0},
        {"data": "tiny", "latent": 1, "hidden": 4, "depth": 1, "layers": 2},
        {"data": "tiny", "latent": 1, "hidden": 3, "depth": 1, "guide": "per-datapoint"},
    )

    def __init__(
        self,
        data: SourceOrTiny = "auto",
        binarization: Chosen = "auto",
        latent: int = 50,
        hidden: int = 200,
        depth: int = 2,
        architecture: Architecture = "mlp",
        layers: int = 1,
        covariance: Covariance = "diagonal",
        beta: float = 1.0,
        guide: GuideKind = "amortized",
    ) -> None:
        pixels, chosen = PIXELS, binarization
        if data == "tiny":
            pixels, chosen = made_up.PIXELS, "static" if binarization == "auto" else binarization
        else:
            chosen = binarization_of(data, binarization)
        # A plain value may be set before the modules; the table of a per-datapoint guide asks for the images.
        self.source: Source | None = None if data == "tiny" else data
        super().__init__(pixels, chosen, latent, hidden, depth, architecture, layers, covariance, beta, guide)

    def images(self) -> Images:
        return made_up.load() if self.source is None else digits(self.source)
