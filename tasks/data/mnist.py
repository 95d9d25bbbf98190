"""MNIST and datasets in its format (idx)."""

import gzip
import math
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from tasks.data import DataUnavailable
from tasks.data.cache import read
from tasks.data.images import DIGITS, Images

_UBYTE: Final = 0x08
_NOTES: Final = {"mnist": "60 000 MNIST digits", "fashion_mnist": "60 000 Fashion-MNIST images"}
_CLASSES: Final = {
    "mnist": DIGITS,
    "fashion_mnist": (
        "T-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "boot",
    ),
}


def load(name: Literal["mnist", "fashion_mnist"] = "mnist") -> Images:
    """Return 60 000 training and 10 000 test images, [N, 784], with labels 0..9.

    Raises:
        DataUnavailable: the dataset is not in the cache folder, or a file is corrupt.
    """
    train, train_labels, test, test_labels = (
        _read(name, f"{part}-{kind}-ubyte.gz") for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    )
    return Images(
        train.flatten(1),
        test.flatten(1),
        f"{name}-{len(train)}",
        _NOTES[name],
        train_labels,
        test_labels,
        _CLASSES[name],
    )


def parse_idx(content: bytes) -> Tensor:
    """Return the uint8 array of an unzipped idx file: two zeros, type, rank, the sizes (big-endian), the values.

    Raises:
        ValueError: it is not an idx file of unsigned bytes, or its length contradicts its header.
    """
    if len(content) < 4 or content[:3] != bytes((0, 0, _UBYTE)):
        raise ValueError("not an idx file of unsigned bytes")
    rank = content[3]
    start = 4 + 4 * rank
    sizes = tuple(int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis]) for axis in range(rank))
    if len(content) - start != math.prod(sizes):
        raise ValueError(f"{len(content) - start} values do not fill an array of {sizes}")
    # A copy, since torch warns of memory that it may not write to.
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=start).reshape(sizes).copy())


def _read(name: str, filename: str) -> Tensor:
    try:
        return parse_idx(gzip.decompress(read(name, filename)))
    except (ValueError, OSError) as error:
        raise DataUnavailable(f"{name}/{filename} cannot be read: {error}") from error
