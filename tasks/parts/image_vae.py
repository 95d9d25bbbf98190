"""What all variational auto-encoders on images share: pixels, their binarization, their first biases."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Guide, Latents, SimulableModel, Task
from tasks.data.images import binarize, require_grey_levels
from tasks.numerics import bytes_below_255
from tasks.parts.image_sets import Binarization, ImageSet
from tasks.parts.pixels import BernoulliPixels, Pixels

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
        pixels: their distribution; Bernoulli, unless the data set has another.
    """

    output: Output | nn.Linear

    def __init__(self) -> None:
        super().__init__()
        self.pixels: Pixels = BernoulliPixels()

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


class ImageVAE(ImageSet, Task):
    """A VAE on images; subclasses say which latents, and which images (`tasks.parts.image_sets`).

    Stored rows are grey levels, uint8. `dynamic` binarization draws each pixel from Bernoulli(grey / 255) at every
    access (Burda et al. 2016), `static` draws the training set once, `grey` keeps grey levels, with the cross entropy
    in place of a likelihood. Unless `grey`, the test set is binarized once, with a fixed seed: every estimator and
    every training seed is evaluated on the same pixels.
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

    def __post_init__(self) -> None:
        # So far there are plain values only; `super().__init__` would be a dataclass's.
        nn.Module.__init__(self)
        if self.effective_binarization not in get_args(Binarization):
            raise ValueError(f"binarization must be static, dynamic or grey; it is '{self.effective_binarization}'")
        self.guide, self.model = self.networks()
        self.model.pixels = self.distribution()

    @abstractmethod
    def networks(self) -> tuple[Guide, ImageModel]:
        """Return guide and model; their weights are drawn in this order.

        Raises:
            ValueError: a size or a choice is impossible.
        """

    def load(self) -> Data:
        images = self.images()
        train = binarize(images.train, _TRAIN_SEED) if self.effective_binarization == "static" else images.train
        test = images.test if self.effective_binarization == "grey" else binarize(images.test, _TEST_SEED)
        return Data(train, test, f"{images.name}-{self.effective_binarization}", images.note)

    def require_data(self, data: Data) -> None:
        require_grey_levels(data.train, data.test)

    def prepare(self, raw: Tensor) -> Tensor:
        """Turn grey levels [B, pixels] uint8 into x, binary unless `grey`. Rows of 0 and 255 stay as they are."""
        dtype = self.model.output.bias.dtype
        if self.effective_binarization != "dynamic":
            return raw.to(dtype) / 255
        # u is uniform on 0..254, so P(u < g) is g / 255 exactly: never on for 0, always for 255.
        on = bytes_below_255(raw.shape, raw.device) < raw
        # As bytes: they become floats eight times faster than truth values do.
        return on.view(torch.uint8).to(dtype)

    @torch.no_grad()
    def initialise(self, data: Data) -> None:
        """Set the output bias to the logits of the training set's mean pixels, clipped as in Burda's code."""
        pixels = data.train[:, : len(self.model.output.bias)]
        mean = pixels.sum(0, dtype=torch.int64).double() / (255 * len(pixels))
        self.model.output.bias.copy_(torch.logit(mean.clamp(0.001, 0.999)))
