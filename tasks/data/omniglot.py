"""Omniglot: handwritten characters of 50 alphabets (Lake, Salakhutdinov & Tenenbaum 2015)."""

import io
from typing import Final

import numpy as np
import torch

from tasks.data import DataUnavailable
from tasks.data.cache import read
from tasks.data.images import Images

_TRAINING_DRAWERS: Final = 15
_SEED: Final = 0


def load() -> Images:
    """Return 24 345 training and 8115 test characters, [N, 784] uint8, ink 255, labelled by alphabet, 0..49.

    Every character was drawn by 20 people: the first 15 are trained on and the others tested. This is not the split
    of Burda, Grosse & Salakhutdinov (2016), nor are its pixels: no result may be set beside theirs as if it were.

    Raises:
        DataUnavailable: the dataset is not in the cache folder, or its file is corrupt.
    """
    content = read("omniglot", "omniglot28_area_resized.npz")
    try:
        with np.load(io.BytesIO(content)) as arrays:
            images, alphabet, drawer, names = (
                arrays[name] for name in ("images", "alphabet", "drawer", "alphabet_names")
            )
    except (ValueError, OSError, KeyError) as error:
        raise DataUnavailable(f"omniglot cannot be read: {error}") from error
    rows, labels = torch.from_numpy(images).flatten(1), torch.from_numpy(alphabet)
    train = np.flatnonzero(drawer <= _TRAINING_DRAWERS)
    # The file is sorted by alphabet, and an evaluation may use the first rows of the test set only.
    test = np.random.default_rng(_SEED).permutation(np.flatnonzero(drawer > _TRAINING_DRAWERS))
    count = f"{len(train):,}".replace(",", " ")
    note = f"{count} Omniglot characters, area-averaged"
    classes = tuple(name.replace("_", " ") for name in names.tolist())
    return Images(rows[train], rows[test], f"omniglot-area-{len(train)}", note, labels[train], labels[test], classes)
