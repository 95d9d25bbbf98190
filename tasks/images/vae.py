"""Variational auto-encoders with Gaussian latents on images (Kingma & Welling 2014)."""

import copy
from dataclasses import dataclass, field
from typing import Literal, Self, final, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Guide, Target
from tasks.exact.gaussian_grid import gaussian_bound
from tasks.parts.convolutions import ConvolutionalFeatures, ConvolutionalOutput
from tasks.parts.gaussian_vae import Decoder, GaussianGuide, TwoLayerDecoder, TwoLayerGuide
from tasks.parts.guides import Covariance, GuideKind, NormalTable, SharedNormal, check_kind, index_column, indexed_bytes
from tasks.parts.image_sets import Chosen, MnistOrTiny, SourceOrTiny
from tasks.parts.image_vae import ImageVAE, Output
from tasks.parts.networks import DiagonalNormal, FullNormal, dense, hidden_layers
from tasks.parts.sizes import at_least, positive

Architecture = Literal["mlp", "conv"]


@dataclass(eq=False, repr=False)
class VAE(ImageVAE):
    """A VAE with Gaussian latents on images; a subclass says which images.

    The objective of a β-VAE (Higgins et al. 2017) is E log p(x|z) − β KL(q(z|x) ‖ p(z)). It is β times the ELBO of a
    model whose likelihood is tempered, log p(x, z) = log p(z) + (1/β) log p(x|z), and that model is what estimators
    see: every target keeps its meaning, for this joint density, and no estimator has to know of β. What is trained on
    and measured is the objective divided by β; Adam does not feel a factor. Wake-sleep is refused, since nothing can be
    drawn from a tempered likelihood. Final bounds are those of the model itself, with β = 1.

    Args:
        latent: dimension of z; with two stochastic layers of z2, and z1 has twice as many.
        hidden: units in each hidden layer, of guide and model; half as many between z1 and z2.
        depth: hidden layers of each, tanh; with architecture=conv, 1 or 2 convolutions of stride 2 next to the pixels.
        architecture: of the networks next to the pixels, `mlp` or `conv`.
        layers: stochastic layers, 1 or 2.
        covariance: of q(z|x), `diagonal` or `full`.
        beta: β, the weight of the divergence.

    Attributes:
        guide_kind: `amortized`, `shared` by all x, or `per-datapoint`, both of one stochastic layer.
    """

    latent: int = 50
    hidden: int = 200
    depth: int = 2
    architecture: Architecture = "mlp"
    layers: int = 1
    covariance: Covariance = "diagonal"
    beta: float = 1.0
    guide_kind: GuideKind = field(default="amortized", init=False)
    model: Decoder = field(init=False)

    def networks(self) -> tuple[Guide, Decoder]:
        positive(beta=self.beta)
        check_kind(self.guide_kind)
        at_least(1, latent=self.latent, hidden=self.hidden, depth=self.depth)
        if self.architecture not in get_args(Architecture):
            raise ValueError(f"architecture must be mlp or conv; it is '{self.architecture}'")
        if self.layers not in (1, 2):
            raise ValueError(f"layers must be 1 or 2; it is {self.layers}")
        if self.covariance not in get_args(Covariance):
            raise ValueError(f"covariance must be diagonal or full; it is '{self.covariance}'")
        guide = self._amortized() if self.guide_kind == "amortized" else self._table()
        return guide, self._decoder()

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
        coordinates = self.latent if self.layers == 1 else self.latent + self._below
        return gaussian_bound(self.guide, self.model, x, coordinates, target, samples)

    @property
    def _below(self) -> int:
        """Coordinates of z1, where there are two layers."""
        return 2 * self.latent

    @property
    def _between(self) -> list[int]:
        """Units of the hidden layers between z1 and z2."""
        return [max(1, self.hidden // 2)] * self.depth

    def _amortized(self) -> Guide:
        features = self._features()
        if self.layers == 1:
            return GaussianGuide(features, self._head(self.hidden, self.latent))
        first = self._head(self.hidden, self._below)
        second = hidden_layers([self._below, *self._between])
        return TwoLayerGuide(features, first, second, self._head(self._between[-1], self.latent))

    def _table(self) -> Guide:
        """Return a guide without a network, at the prior except for the noise that tells datapoints apart."""
        if self.layers > 1:
            raise ValueError(
                f"guide={self.guide_kind} is for one stochastic layer; with layers={self.layers} it is amortized"
            )
        if self.guide_kind == "shared":
            return SharedNormal(torch.zeros(self.latent), 0.0, self.covariance)
        # The data are read here, since the table has a row for each of them.
        start = 0.01 * torch.randn(len(self.images().train), self.latent)
        return NormalTable(start, 0.0, self.covariance)

    def _decoder(self) -> Decoder:
        if self.layers == 1:
            return Decoder(self.latent, *self._to_pixels(self.latent), self.beta)
        above = hidden_layers([self.latent, *self._between])
        head = DiagonalNormal(self._between[-1], self._below)
        return TwoLayerDecoder(self.latent, above, head, *self._to_pixels(self._below), self.beta)

    def _head(self, inputs: int, size: int) -> DiagonalNormal | FullNormal:
        return DiagonalNormal(inputs, size) if self.covariance == "diagonal" else FullNormal(inputs, size)

    def _features(self) -> nn.Module:
        if self.architecture == "conv":
            return ConvolutionalFeatures(self.pixels, self.row, self.hidden, self.depth, self.channels)
        return hidden_layers([self.pixels] + [self.hidden] * self.depth)

    def _to_pixels(self, inputs: int) -> tuple[nn.Module, Output | nn.Linear]:
        if self.architecture == "conv":
            features = hidden_layers([inputs, self.hidden], nn.ELU)
            return features, ConvolutionalOutput(self.pixels, self.row, self.hidden, self.depth, self.channels)
        return hidden_layers([inputs] + [self.hidden] * self.depth), dense(self.hidden, self.pixels)


@final
class VAEMnist(VAE, MnistOrTiny):
    """A Gaussian VAE on MNIST digits, 784–200–200–50 (Burda, Grosse & Salakhutdinov 2016).

    With two stochastic layers it is theirs too: 784–200–200–z1(100)–100–100–z2(50), and back. ELBO and log p(x) are
    exact where there are at most three latent numbers, of both layers together, and images are tiny.

    The objective of a β-VAE is E log p(x|z) − β KL(q(z|x) ‖ p(z)); estimators see it divided by β, as the ELBO of a
    model with log p(x, z) = log p(z) + (1/β) log p(x|z). The final ELBO and log-likelihood are those of β = 1.

    Args:
        guide: `amortized`, `shared` by all x, or `per-datapoint`, a table with a row for each training digit.
    """

    checked = (
        {"data": "tiny", "latent": 1, "hidden": 3, "depth": 1},
        {"data": "tiny", "latent": 2, "hidden": 3, "depth": 1, "covariance": "full", "beta": 2.0},
        {"data": "tiny", "latent": 1, "hidden": 4, "depth": 1, "layers": 2},
        {"data": "tiny", "latent": 1, "hidden": 3, "depth": 1, "guide": "per-datapoint"},
    )

    # Written out, since no dataclass has a parameter `guide` beside the module of that name.
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
        self.data, self.binarization, self.guide_kind = data, binarization, guide
        super().__init__(latent, hidden, depth, architecture, layers, covariance, beta)
