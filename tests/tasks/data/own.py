"""Files such as a user has, made for tests."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 6, 5


def images(count: int = 20, channels: int = 1) -> NDArray[np.uint8]:
    """Return random images [N, height, width], or [N, height, width, channels] in colour."""
    shape = (count, HEIGHT, WIDTH) if channels == 1 else (count, HEIGHT, WIDTH, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def write_folder(folder: Path, pictures: NDArray[np.uint8], name: str = "{}.png") -> Path:
    """Write images to a folder, a file for each."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / name.format(number))
    return folder


def table(rows: int = 20) -> str:
    """Return a CSV file with the columns a, b (words), same and y, of two values."""
    kinds = ("red", "green", "blue")
    lines = (f"{i / 4},{kinds[i % 3]},7,{'spam' if i % 4 else 'ham'}" for i in range(rows))
    return "\n".join(["a,b,same,y", *lines, ""])
