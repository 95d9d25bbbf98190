"""Image datasets as tensors, and how grey levels become binary pixels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

DIGITS: Final = tuple("0123456789")
"""The classes of MNIST."""


@dataclass(frozen=True)
class Images:
    """Images as rows of grey levels.

    Attributes:
        train: [N, pixels] uint8.
        test: [N_test, pixels] uint8.
        name: of the dataset with its number of training images; part of a result's identity.
        note: one line for people.
        train_labels: [N] uint8, where there are labels.
        test_labels: [N_test] uint8, where there are labels.
        classes: what the labels stand for, by label.
        width: pixels in a row of an image.
        channels: planes of pixels, one behind the other in a row: 3 in colour.
    """

    train: Tensor
    test: Tensor
    name: str
    note: str
    train_labels: Tensor | None = None
    test_labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    width: int = 28
    channels: int = 1

    def __post_init__(self) -> None:
        require_grey_levels(self.train, self.test)


def require_grey_levels(*images: Tensor) -> None:
    """Raise ValueError where images are no bytes: numbers between 0 and 1 would all be black.

    >>> import torch
    >>> from tasks.data.images import require_grey_levels
    >>> require_grey_levels(torch.tensor([[0.5, 1.0]]))
    Traceback (most recent call last):
        ...
    ValueError: images are grey levels of torch.uint8, not torch.float32: (255 * images).round().to(torch.uint8)
    """
    for rows in images:
        if rows.dtype != torch.uint8:
            raise ValueError(
                f"images are grey levels of torch.uint8, not {rows.dtype}: (255 * images).round().to(torch.uint8)"
            )


def binarize(grey: Tensor, seed: int) -> Tensor:
    """Draw every pixel once from Bernoulli(grey / 255): uint8 to uint8, 0 or 255, fixed by the seed."""
    # u is uniform on 0..254, so P(u < g) is g / 255 exactly. NumPy's generator is the same on every machine.
    uniform = np.random.default_rng(seed).integers(0, 255, size=tuple(grey.shape), dtype=np.uint8)
    return (torch.from_numpy(uniform) < grey.cpu()).to(torch.uint8) * 255
