"""Images of the user's own in a folder: PNG, JPEG and what else Pillow reads."""

import io
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tasks.data import DataUnavailable
from tasks.data.files import content, digest_of_all, unreadable

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
_DEEP: Final = ("I", "F")
"""Modes whose levels are more than a byte, except for `I;16` and its like, which begin as the first."""


def picture_files(folder: Path) -> list[Path]:
    """Return the files of images in a folder and in those below it, hidden ones left out.

    Raises:
        DataUnavailable: there is none, or the folder cannot be read.
    """
    try:
        below = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
        found = [path for path in below if not path.name.startswith(".") and path.is_file()]
    except OSError as error:
        raise unreadable(folder, error) from None
    if not found:
        raise DataUnavailable(f"{folder} holds no images: give a folder of {', '.join(SUFFIXES[:2])} or the like")
    return sorted(found)


def read_pictures(files: list[Path], folder: Path) -> tuple[NDArray[Any], str]:
    """Return images [N, channels, height, width] as bytes, and their digest; in the order of their content.

    What they are called says nothing: the same images under other names are the same data set.

    Raises:
        DataUnavailable: one cannot be read, or has another size than the others.
    """
    read = {file: _read(file) for file in files}
    first = files[0]
    colour = any(image.mode == "RGB" for image, _ in read.values())
    for file, (image, _) in read.items():
        if image.size != read[first][0].size:
            sizes = [f"{name.relative_to(folder)} is {_by(read[name][0])}" for name in (first, file)]
            raise DataUnavailable(f"the images in {folder} have several sizes ({', '.join(sizes)}): make them the same")
    ordered = sorted(read.values(), key=lambda one: one[1])
    images = np.stack([np.asarray(image.convert("RGB" if colour else "L")) for image, _ in ordered])
    images = np.moveaxis(images, -1, 1) if colour else images[:, None]
    return images, digest_of_all(digest for _, digest in ordered)


def _read(file: Path) -> tuple[Image.Image, str]:
    """Return an image, in grey or in colour and upright, and the digest of its file."""
    found, digest = content(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(found)))
            image.load()
    except MemoryError:
        raise
    except Exception as error:
        # Its plug-ins raise what they like of a damaged file.
        why = f"it is not an image that Pillow can read, or it is damaged ({type(error).__name__})"
        raise DataUnavailable(f"{file} cannot be read: {why}; repair or remove it") from None
    if image.mode.startswith(_DEEP):
        raise DataUnavailable(f"{file} has more than 256 levels (mode {image.mode}): save it with 8 bits per channel")
    if image.has_transparency_data:
        # What lies under transparent pixels is often black.
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    grey = image.mode in ("1", "L")
    return image.convert("L" if grey else "RGB"), digest


def _by(image: Image.Image) -> str:
    return f"{image.height}×{image.width}"
