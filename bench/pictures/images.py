"""The test images of a task, as a model sees them, and what people see."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.machine.device import observations
from tasks.parts.image_vae import ImageVAE

Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class ImageData:
    """Test images.

    Attributes:
        x: as the model sees them, [N, pixels], between 0 and 1.
        labels: [N], or None where there are none.
        classes: what the labels stand for; empty where that is not known.
        width: pixels in a row.
        dark: whether most of an image is near 0, so that it is printed in black on white; never in colour.
        channels: planes of pixels, 3 in colour.
    """

    x: Tensor
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    width: int
    dark: bool
    channels: int = 1

    def shaped(self, pixels: Tensor) -> Pixels:
        """Return [..., pixels] as [..., height, width]; as [..., height, width, channels] in colour."""
        planes = pixels.detach().double().cpu().unflatten(-1, (self.channels, -1, self.width))
        return (planes.movedim(-3, -1) if self.channels > 1 else planes.squeeze(-3)).numpy()


def image_data(task: ImageVAE) -> ImageData:
    """Return the test images of a task; raises `tasks.data.DataUnavailable` with what to do."""
    images = task.images()
    data = task.load()
    x = observations(task, data.test)
    labels = None if images.test_labels is None else images.test_labels.numpy().astype(np.int64)
    dark = images.channels == 1 and _is_dark(x if len(x) else observations(task, data.train))
    return ImageData(x, labels, images.classes, images.width, dark, images.channels)


def _is_dark(x: Tensor) -> bool:
    return bool(x.mean() < 0.5)


def choose(count: int, data: ImageData) -> Tensor:
    """Return the places of `count` test images drawn at random, or of all where there are fewer."""
    return torch.randperm(len(data.x))[:count]
