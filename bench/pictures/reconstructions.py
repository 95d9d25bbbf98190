"""Test images x, and below each E_θ(x|z) at one draw z ~ q_φ(z|x)."""

from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure

from bench.figures.page import Page
from bench.pictures.images import ImageData, choose
from bench.pictures.montage import columns_of, picture
from estimators.draw import Detached
from tasks.parts.image_vae import ImageVAE

_PAIRS: Final = 3


@torch.no_grad()
def draw(task: ImageVAE, data: ImageData, page: Page) -> Figure:
    """Return three pairs of rows, or as many as there are test images for."""
    columns = min(columns_of(page), len(data.x))
    pairs = min(_PAIRS, len(data.x) // columns)
    x = data.x[choose(pairs * columns, data)]
    drawn = Detached(1)
    task.guide(x, drawn)
    seen, drawn_anew = data.shaped(x), data.shaped(_decoded(task, drawn))
    both = [images.reshape(pairs, columns, *images.shape[1:]) for images in (seen, drawn_anew)]
    cells = np.stack(both, 1).reshape(2 * pairs, columns, *seen.shape[1:])
    return picture(page, cells, data.dark, ["x", "E(x|z)"] * pairs, below=range(1, 2 * pairs, 2))


def _decoded(task: ImageVAE, drawn: Detached) -> torch.Tensor:
    return task.model.mean(drawn.trace.latents)[0]
