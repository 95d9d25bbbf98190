"""What all variational auto-encoders on images share: pixels, their binarization, and the digits."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Guide, Latents, SimulableModel, Task
from tasks.data import binarized, cache, embedded, mnist
from tasks.data.images import Images, binarize
from tasks.parts.pixels import BernoulliPixels, Pixels

Binarization = Literal["static", "dynamic", "grey"]
Chosen = Literal["auto", "static", "dynamic", "grey"]
Source = Literal["auto", "5k", "full", "static"]

PIXELS: Final = 28 * 28
"""Of a digit."""

_TRAIN_SEED, _TEST_SEED = 1, 2


class Output(nn.Module):
    """What ends in the pixels' logits, [..., pixels], each with a bias of its own; `nn.Linear` is one.

    Attributes:
        bias: [pixels].
    """

    bias: Tensor


class ImageModel(SimulableModel):
    """A model of independent pixels given the latents, whose output biases are set from the data.

    Attributes:
        output: to the logits of the pixels.
        pixels: their distribution; Bernoulli, unless another is given.
    """

    output: Output | nn.Linear

    def __init__(self, pixels: Pixels | None = None) -> None:
        super().__init__()
        self.pixels = BernoulliPixels() if pixels is None else pixels

    @abstractmethod
    def logits(self, z: Latents) -> Tensor:
        """Return the logits of the pixels, [K, B, pixels]."""

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        """Return log p_θ(x|z) in nats, [K, B]; with grey Bernoulli pixels, the negative cross entropy."""
        logits = self.logits(z)
        # Behind the pixels there may be an index (`tasks.parts.guides`).
        return self.pixels.log_prob(x[..., : logits.shape[-1]], logits)

    def mean(self, z: Latents) -> Tensor:
        """Return the image at the centre of p_θ(x|z), between 0 and 1, [K, B, pixels]."""
        return self.pixels.mean(self.logits(z))

    def simulate(self, z: Latents) -> Tensor:
        return self.pixels.simulate(self.logits(z))


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
        on = torch.randint(0, 255, raw.shape, dtype=torch.uint8, device=raw.device) < raw
        # As bytes: they become floats eight times faster than truth values do.
        return on.view(torch.uint8).to(dtype)

    @torch.no_grad()
    def initialise(self, data: Data) -> None:
        """Set the output bias to the logits of the training set's mean pixels, clipped as in Burda's code."""
        pixels = data.train[:, : len(self.model.output.bias)]
        mean = pixels.sum(0, dtype=torch.int64).double() / (255 * len(pixels))
        self.model.output.bias.copy_(torch.logit(mean.clamp(0.001, 0.999)))


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
