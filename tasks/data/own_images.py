"""Images of the user's own, from a file of an array or a folder of pictures."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.data import DataUnavailable, arrays, pictures
from tasks.data.arrays import Layout
from tasks.data.files import Stamp, content, content_name, located, stamp
from tasks.data.images import Images
from tasks.data.splitting import four_fifths

Colour = Literal["keep", "grey"]

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""What red, green and blue weigh in a grey level (ITU-R BT.601)."""


def load(place: str, layout: Layout, colour: Colour = "keep") -> Images:
    """Return images, four fifths of them to train on, at random; an array that is split already keeps its split.

    Args:
        place: path of a `.npy`, `.npz` or `.mat` file, or of a folder of images.
        layout: of an array.
        colour: whether images in colour are kept so; they have three planes of pixels, red, green and blue.

    Raises:
        DataUnavailable: there are none, or they cannot be used; the message names file, array or image.
        ValueError: the layout does not fit.
    """
    path = located(place)
    if path.is_dir():
        if layout.array is not None or layout.axis != "auto":
            raise ValueError(f"array and axis are for arrays, but {place} is a folder of images: leave them out")
        return _load(path, stamp(pictures.picture_files(path)), layout, colour)
    if path.suffix.lower() not in arrays.SUFFIXES:
        raise DataUnavailable(
            f"{path} is not a file of images: give {', '.join(arrays.SUFFIXES)}, or a folder of images"
        )
    return _load(path, stamp([path]), layout, colour)


# A grid asks for the same images again and again, and a file that is changed is read anew.
@lru_cache(maxsize=2)
def _load(path: Path, seen: Stamp, layout: Layout, colour: Colour) -> Images:
    if path.is_dir():
        found, digest = pictures.read_pictures([Path(name) for name, *_ in seen], path)
        parts = {str(path): found}
        if layout.width not in (None, found.shape[3]):
            raise DataUnavailable(f"the images in {path} are {found.shape[3]} wide, but width={layout.width} was given")
    else:
        held, digest = content(path)
        named = arrays.read_arrays(path, held)
        parts = {
            f"'{name}' in {path}": arrays.images_of(named[name], f"'{name}' in {path}", path.suffix.lower(), layout)
            for name in arrays.choose(path, named, layout.array)
        }
    levels = _grey_levels(parts)
    if len({part.shape[1:] for part in levels}) > 1:
        sizes = " and ".join(f"{part.shape[2]}×{part.shape[3]}" for part in levels)
        raise DataUnavailable(f"the training and the test images in {path} have different sizes: {sizes}")
    channels = 1 if colour == "grey" else max(map(_channels, levels))
    rows = [torch.from_numpy(_with_channels(part, channels).reshape(len(part), -1)) for part in levels]
    if len(rows) == 1:
        if len(rows[0]) < 2:
            raise DataUnavailable(
                f"{path} holds a single image: at least one for training and one for testing are needed"
            )
        rows = [rows[0][part] for part in four_fifths(len(rows[0]))]
    train, test = rows
    height, width = levels[0].shape[2:]
    colours = ", red, green and blue" if channels > 1 else ""
    note = f"{len(train)} images of {height}×{width} pixels{colours}, and {len(test)} to test"
    name = content_name("path", digest)
    return Images(train, test, name, note, width=width, channels=channels)


def _grey_levels(parts: dict[str, NDArray[Any]]) -> list[NDArray[np.uint8]]:
    """Return numbers as levels 0 to 255; those of 0 to 1 are multiplied by that.

    Raises:
        DataUnavailable: they are no levels, or all the same.
    """
    for what, values in parts.items():
        if values.size == 0:
            raise DataUnavailable(f"{what} is empty")
        wrong = ~((values >= 0) & (values <= 255))
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0])
            raise DataUnavailable(
                f"{what} holds {values[place]} in image {place[0] + 1}; grey levels go from 0 to 255, or from 0 to 1"
            )
    low = min(values.min() for values in parts.values())
    high = max(values.max() for values in parts.values())
    if low == high:
        raise DataUnavailable(f"all pixels of {' and '.join(parts)} are {low}: there is nothing to learn")
    if high > 1:
        return [np.rint(values).astype(np.uint8) for values in parts.values()]
    return [np.rint(255 * values.astype(np.float32)).astype(np.uint8) for values in parts.values()]


def _channels(images: NDArray[np.uint8]) -> int:
    """Return how many channels images [N, channels, height, width] need: one where all are grey."""
    grey = images.shape[1] == 1 or bool((images[:, :1] == images[:, 1:]).all())
    return 1 if grey else images.shape[1]


def _with_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if channels == images.shape[1]:
        return np.ascontiguousarray(images)
    if channels > 1:
        return images.repeat(channels, 1)
    if _channels(images) == 1:
        return np.ascontiguousarray(images[:, :1])
    return np.rint(np.tensordot(images.astype(np.float32), _LUMA, ([1], [0]))).astype(np.uint8)[:, None]
