"""Frey faces: frames of one face on video (Roweis & Saul 2000)."""

import io
from typing import Final

import numpy as np
import torch

from tasks.data import DataUnavailable
from tasks.data.cache import read
from tasks.data.images import Images

PIXELS: Final = 28 * 20
WIDTH: Final = 20

_TRAIN: Final = 1600
_SEED: Final = 0


def load() -> Images:
    """Return 1600 training and 365 test faces, [N, 560] uint8, 28 rows of 20; there are no labels.

    The frames are split at random, so that most of those tested have near neighbours among those trained on.

    Raises:
        DataUnavailable: the dataset is not in the cache folder, or its file is corrupt.
    """
    content = read("faces", "freyfaces.npy")
    try:
        rows = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, OSError) as error:
        raise DataUnavailable(f"faces/freyfaces.npy cannot be read: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != PIXELS or rows.dtype != np.uint8 or len(rows) <= _TRAIN:
        raise DataUnavailable(f"faces/freyfaces.npy cannot be read: it holds {rows.dtype} of shape {rows.shape}")
    faces = torch.from_numpy(rows[np.random.default_rng(_SEED).permutation(len(rows))])
    return Images(faces[:_TRAIN], faces[_TRAIN:], f"frey-{_TRAIN}", f"{_TRAIN} Frey faces", width=WIDTH)
