"""Variational auto-encoders with Gaussian latents and Bernoulli pixels (Kingma & Welling 2014)."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Draw, Guide, Latents, SimulableModel, Task
from tasks.data import binarized, cache, embedded, mnist
from tasks.data.images import Images, binarize
from tasks.guides import GuideKind, NormalTable, SharedNormal, check_kind, index_column, indexed_bytes
from tasks.networks import DiagonalNormal, bernoulli_log_prob, dense, diagonal_normal, hidden_layers

Binarization = Literal["static", "dynamic", "grey"]
Chosen = Literal["auto", "static", "dynamic", "grey"]
Source = Literal["auto", "5k", "full", "static"]

PIXELS: Final = 28 * 28
"""Of a digit."""

_TRAIN_SEED, _TEST_SEED = 1, 2


class GaussianGuide(Guide):
    """q_φ(z|x) = N(loc_φ(x), diag scale_φ(x)²), amortized; one site, `z`."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.features = hidden_layers([pixels] + [hidden] * depth)
        self.head = DiagonalNormal(hidden, latent)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", self.head(self.features(x)))


class ImageModel(SimulableModel):
    """A model of pixels whose last layer is linear: its biases are set from the data.

    Attributes:
        output: to the logits of the pixels.
    """

    output: nn.Linear


class BernoulliDecoder(ImageModel):
    """z ~ N(0, I), x_i ~ Bernoulli(sigmoid(logits_θ(z)_i))."""

    def __init__(self, pixels: int, latent: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.latent = latent
        self.features = hidden_layers([latent] + [hidden] * depth)
        self.output = dense(hidden, pixels)

    def prior(self, x: Tensor, draw: Draw) -> None:
        zeros = x.new_zeros(x.shape[0], self.latent)
        draw("z", diagonal_normal(zeros, torch.ones_like(zeros)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.log_prior(z["z"]) + self.log_likelihood(x, z)

    def log_prior(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats, [K, B, latent] to [K, B]."""
        return -0.5 * z.square().sum(-1) - 0.5 * self.latent * math.log(2 * math.pi)

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        """Return log p_θ(x|z) in nats, [K, B]; with grey pixels, the negative cross entropy."""
        return bernoulli_log_prob(x[..., : self.output.out_features], self.decode(z["z"]))

    def simulate(self, z: Latents) -> Tensor:
        probs = self.decode(z["z"]).detach().sigmoid()
        return (torch.rand(probs.shape, dtype=probs.dtype, device=probs.device) < probs).to(probs.dtype)

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits of the pixels, [K, B, latent] to [K, B, pixels]."""
        return self.output(self.features(z))


class ImageVAE(Task):
    """A VAE on images; subclasses say which images and which latents.

    Stored rows are grey levels, uint8. `dynamic` binarization draws each pixel from Bernoulli(grey / 255) at every
    access (Burda et al. 2016), `static` draws the training set once, `grey` keeps grey levels, with the cross entropy
    in place of a likelihood. Unless `grey`, the test set is binarized once, with a fixed seed: every estimator and
    every training seed is evaluated on the same pixels.

    Args:
        binarization: of the training images.
        guide: amortized.
        model: the decoder.
    """

    model: ImageModel
    references: ClassVar[Mapping[str, str]] = {"elbo": "reparam", "iwae": "dreg"}
    defaults: ClassVar[Defaults] = Defaults(
        steps=2000,
        batch_size=100,
        model_lr=1e-3,
        # Ten times this lets plain REINFORCE diverge within 1500 steps (ELBO −6800 nats, against −172 at this one).
        guide_lr=1e-4,
        replicates_cap=400,
        evaluation_samples=100,
    )

    def __init__(self, binarization: Binarization, guide: Guide, model: ImageModel) -> None:
        super().__init__()
        if binarization not in get_args(Binarization):
            raise ValueError(f"binarization must be static, dynamic or grey; it is '{binarization}'")
        self.binarization = binarization
        self.guide = guide
        self.model = model

    @abstractmethod
    def images(self) -> Images:
        """Return the images in grey levels; raises `tasks.data.DataUnavailable` with what to do."""

    def load(self) -> Data:
        images = self.images()
        train = binarize(images.train, _TRAIN_SEED) if self.binarization == "static" else images.train
        test = images.test if self.binarization == "grey" else binarize(images.test, _TEST_SEED)
        return Data(train, test, f"{images.name}-{self.binarization}", images.note)

    def prepare(self, raw: Tensor) -> Tensor:
        """Turn grey levels [B, pixels] uint8 into x, binary unless `grey`. Rows of 0 and 255 stay as they are."""
        dtype = self.model.output.bias.dtype
        if self.binarization != "dynamic":
            return raw.to(dtype) / 255
        # u is uniform on 0..254, so P(u < g) is g / 255 exactly: never on for 0, always for 255.
        return (torch.randint(0, 255, raw.shape, dtype=torch.uint8, device=raw.device) < raw).to(dtype)

    @torch.no_grad()
    def initialise(self, data: Data) -> None:
        """Set the output bias to the logits of the training set's mean pixels, clipped as in Burda's code."""
        pixels = data.train[:, : self.model.output.out_features]
        mean = pixels.sum(0, dtype=torch.int64).double() / (255 * len(pixels))
        self.model.output.bias.copy_(torch.logit(mean.clamp(0.001, 0.999)))


class VAE(ImageVAE):
    """A VAE with Gaussian latents on images; a subclass says which images.

    Args:
        pixels: per image.
        binarization: of the training images; see `ImageVAE`.
        latent: dimension of z.
        hidden: units in each hidden layer, of guide and model.
        depth: hidden layers of each, tanh.
        guide: `amortized`, `shared` by all x, or `per-datapoint`.
    """

    model: BernoulliDecoder

    def __init__(
        self,
        pixels: int,
        binarization: Binarization,
        latent: int,
        hidden: int,
        depth: int,
        guide: GuideKind = "amortized",
    ) -> None:
        check_sizes(latent, hidden, depth)
        check_kind(guide)
        chosen = GaussianGuide(pixels, latent, hidden, depth) if guide == "amortized" else self._table(guide, latent)
        super().__init__(binarization, chosen, BernoulliDecoder(pixels, latent, hidden, depth))

    def _table(self, kind: GuideKind, latent: int) -> Guide:
        """Return a guide without a network, at the prior but for the noise that tells datapoints apart."""
        if kind == "shared":
            return SharedNormal(torch.zeros(latent), 0.0)
        # The data are read here, since the table has a row for each of them.
        return NormalTable(0.01 * torch.randn(len(self.images().train), latent), 0.0)

    def load(self) -> Data:
        data = super().load()
        return indexed_bytes(data) if self.guide.indexed else data

    def prepare(self, raw: Tensor) -> Tensor:
        if not isinstance(self.guide, NormalTable):
            return super().prepare(raw)
        x = super().prepare(raw[:, : self.model.output.out_features])
        return torch.cat([x, index_column(raw, len(self.guide.loc)).to(x.dtype)], 1)


def check_sizes(latent: int, hidden: int, depth: int) -> None:
    """Raise ValueError where a network would have nothing in it."""
    if min(latent, hidden, depth) < 1:
        raise ValueError(f"latent, hidden and depth must be at least 1; they are {latent}, {hidden} and {depth}")


class VAEMnist(VAE):
    """A Gaussian VAE on MNIST digits, 784–200–200–50 (Burda, Grosse & Salakhutdinov 2016, one stochastic layer).

    Args:
        data: `full` is all 70 000 digits, `5k` the 5000 embedded ones, `auto` the former where they are in the cache
            folder and the latter where not, `static` the fixed binarization of Salakhutdinov & Murray.
        binarization: of the training images, see `ImageVAE`; `auto` is dynamic, but for data=static.
        latent: dimension of z.
        hidden: units in each hidden layer, of guide and model.
        depth: hidden layers of each, tanh.
        guide: `amortized`, `shared` by all x, or `per-datapoint`, a table with a row for each training digit.
    """

    def __init__(
        self,
        data: Source = "auto",
        binarization: Chosen = "auto",
        latent: int = 50,
        hidden: int = 200,
        depth: int = 2,
        guide: GuideKind = "amortized",
    ) -> None:
        binarization = binarization_of(data, binarization)
        # A plain value may be set before the modules; the table of a per-datapoint guide asks for the images.
        self.data: Source = data
        super().__init__(PIXELS, binarization, latent, hidden, depth, guide)

    def images(self) -> Images:
        return digits(self.data)


def binarization_of(data: Source, binarization: Chosen) -> Binarization:
    """Return how the digits of a source are binarized; raise ValueError where that is impossible."""
    if data not in get_args(Source):
        raise ValueError(f"data must be auto, 5k, full or static; it is '{data}'")
    if binarization == "auto":
        binarization = "static" if data == "static" else "dynamic"
    if data == "static" and binarization != "static":
        raise ValueError(
            f"data=static is binarized once and for all, so that binarization={binarization} is impossible;"
            " leave binarization out, or choose data=full"
        )
    return binarization


def digits(data: Source) -> Images:
    """Return MNIST from a source; raises `tasks.data.DataUnavailable` with what to do."""
    if data == "static":
        return binarized.load()
    if data == "5k" or (data == "auto" and not cache.present("mnist")):
        return embedded.load()
    return mnist.load()
