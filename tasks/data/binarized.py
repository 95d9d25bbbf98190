"""The fixed binarization of MNIST, on which most static-MNIST numbers were published."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from tasks.data.cache import read
from tasks.data.images import Images

_PIXELS: Final = 28 * 28
_SEED: Final = 0


def load() -> Images:
    """Return 50 000 training and 10 000 test digits, [N, 784], 0 or 255; there are no labels.

    The validation file is left out: it is not the tail of the training file, and papers differ in whether they add it.
    (Salakhutdinov & Murray 2008, On the quantitative analysis of deep belief networks.)

    Raises:
        DataUnavailable: the dataset is not in the cache folder, or a file is corrupt.
    """
    train, test = _read("binarized_mnist_train.amat"), _read("binarized_mnist_test.amat")
    # The file is sorted by class, and an evaluation may use its first rows only.
    test = test[torch.from_numpy(np.random.default_rng(_SEED).permutation(len(test)))]
    return Images(train, test, f"binarized_mnist-{len(train)}", "50 000 digits of the fixed binarization of MNIST")


def _read(filename: str) -> Tensor:
    """Return [N, 784] uint8 from text of 784 zeros and ones per line, separated by blanks."""
    characters = np.frombuffer(read("binarized_mnist", filename), np.uint8)
    return torch.from_numpy((characters.reshape(-1, 2 * _PIXELS)[:, ::2] - ord("0")) * np.uint8(255))
