"""Images of the user's own in an array: `.npy`, `.npz` and `.mat`."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data import DataUnavailable
from tasks.data.files import unreadable

Axis = Literal["auto", "first", "last"]

SUFFIXES: Final = (".npy", ".npz", ".mat")
_CHANNELS: Final = (1, 3)
_NUMBERS: Final = "biuf"
"""Kinds of dtype: truth values, whole numbers with and without a sign, and others."""


@dataclass(frozen=True)
class Layout:
    """How images lie in an array, where that has to be said.

    Attributes:
        array: which one of several.
        axis: along which axis of it images are; `auto` finds out.
        width: pixels in a row of an image; None where it follows from the array's shape.
    """

    array: str | None = None
    axis: Axis = "auto"
    width: int | None = None


def read_arrays(file: Path, content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays in the content of a file by name; that of a `.npy` is called as the file is.

    Raises:
        DataUnavailable: it cannot be read.
    """
    stream, kind = io.BytesIO(content), file.suffix.lower()
    try:
        if kind == ".npy":
            return {file.name: np.load(stream, allow_pickle=False)}
        if kind == ".npz":
            with np.load(stream, allow_pickle=False) as archive:
                return dict(_plain(archive))
        from scipy.io import loadmat

        return {name: array for name, array in loadmat(stream).items() if isinstance(array, np.ndarray)}
    except NotImplementedError:
        raise DataUnavailable(f"{file} is a MATLAB file of version 7.3: save it with `-v7`, or as .npz") from None
    except MemoryError:
        raise
    except ValueError as error:
        if "pickle" not in str(error):
            raise unreadable(file, error) from None
        raise DataUnavailable(f"{file} is damaged, or holds Python objects: save an array of numbers in it") from None
    except Exception as error:
        # What these libraries raise of a damaged file is not documented.
        raise unreadable(file, error) from None


def _plain(archive: Any) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of an archive that hold no Python objects, which are not read from anybody's file."""
    found = {}
    for name in archive.files:
        try:
            found[name] = archive[name]
        except ValueError:
            continue
    return found


def choose(file: Path, arrays: Mapping[str, NDArray[Any]], asked: str | None) -> list[str]:
    """Return which array holds the images; two where one is for training and another for tests.

    Raises:
        DataUnavailable: none does, or it cannot be told which.
        ValueError: there is no array of the name that was asked for.
    """
    shapes = ", ".join(f"{name} {_by(array)}" for name, array in arrays.items()) or "no array"
    if asked is not None:
        if asked not in arrays:
            raise ValueError(f"array={asked} is not in {file}, which holds {shapes}")
        return [asked]
    if len(arrays) == 1:
        return list(arrays)
    found = [name for name, array in arrays.items() if _may_be_images(array)]
    if len(found) == 1:
        return found
    train, test = ([name for name in found if part in name.lower()] for part in ("train", "test"))
    if len(train) == len(test) == 1 and train != test:
        return [*train, *test]
    if not found:
        raise DataUnavailable(f"{file} holds no array of several images, [N, …]; it holds {shapes}")
    raise DataUnavailable(f"{file} holds several arrays ({shapes}): say which are the images, such as array={found[0]}")


def _may_be_images(array: NDArray[Any]) -> bool:
    # A table of one column holds labels.
    return array.dtype.kind in _NUMBERS and (array.ndim > 2 or (array.ndim == 2 and min(array.shape) > 1))


def images_of(values: NDArray[Any], what: str, kind: str, layout: Layout) -> NDArray[Any]:
    """Return images as [N, channels, height, width].

    Args:
        values: the array.
        what: it is called in messages.
        kind: of file: MATLAB's arrays may have images along their last axis.
        layout: what is known of it.

    Raises:
        DataUnavailable: it is none of images, or it cannot be told how they lie in it.
        ValueError: no image can be so wide.
    """
    if layout.width is not None and layout.width < 1:
        raise ValueError(f"width must be at least 1; it is {layout.width}")
    if values.dtype.kind not in _NUMBERS:
        raise DataUnavailable(f"{what} holds {values.dtype}; images are numbers, 0 to 255 or 0 to 1")
    if values.ndim == 2:
        found = _of_rows(values, what, layout)
    elif values.ndim == 3:
        found = _of_planes(values, what, kind, layout)[:, None]
    elif values.ndim == 4:
        found = _of_colours(values, what, layout)
    else:
        raise DataUnavailable(
            f"{what} is {_by(values)}; images must be [N, pixels] or [N, height, width], with or without colours"
        )
    if layout.width not in (None, found.shape[3]):
        raise DataUnavailable(f"{what} holds images {found.shape[3]} pixels wide, but width={layout.width} was given")
    return found


def _of_rows(values: NDArray[Any], what: str, layout: Layout) -> NDArray[Any]:
    """Return images that are rows or columns of a table."""
    by_axis = {"first": values, "last": values.T}
    asked = by_axis if layout.axis == "auto" else {layout.axis: by_axis[layout.axis]}
    for rows in asked.values():
        pixels = rows.shape[1]
        width = layout.width or isqrt(pixels)
        if pixels and (pixels % width == 0 if layout.width else width**2 == pixels):
            return rows.reshape(len(rows), 1, -1, width)
    if layout.width:
        raise DataUnavailable(f"{what} is {_by(values)}, which cannot be divided into images {layout.width} wide")
    raise DataUnavailable(
        f"{what} is {_by(values)}, but images of {values.shape[1]} pixels are not square: give width=, the number of "
        f"pixels in a row"
    )


def _of_planes(values: NDArray[Any], what: str, kind: str, layout: Layout) -> NDArray[Any]:
    """Return images [N, height, width] of an array that has them along its first axis or its last."""
    first, last = values, np.moveaxis(values, -1, 0)
    if layout.axis != "auto" or kind != ".mat":
        return last if layout.axis == "last" else first

    def fits(images: NDArray[Any]) -> bool:
        return images.shape[2] == (layout.width or images.shape[1])

    if fits(first) == fits(last):
        raise DataUnavailable(
            f"{what} is {_by(values)}: say whether the images are along its first or its last axis, such as axis=last"
        )
    return first if fits(first) else last


def _of_colours(values: NDArray[Any], what: str, layout: Layout) -> NDArray[Any]:
    """Return images [N, channels, height, width], whichever axis the channels are."""
    ways = {"first": values, "last": np.moveaxis(values, -1, 0)}
    for axis, images in ways.items():
        if layout.axis not in ("auto", axis):
            continue
        for channels in (3, 1):
            if images.shape[channels] in _CHANNELS:
                return np.moveaxis(images, channels, 1)
    alpha = " (a transparency channel is not accepted: leave it out)" if 4 in values.shape else ""
    raise DataUnavailable(f"{what} is {_by(values)}, where no axis has 1 or 3 channels{alpha}")


def _by(array: NDArray[Any]) -> str:
    return "×".join(map(str, array.shape)) or "a single value"
