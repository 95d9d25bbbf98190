"""Images at draws from the prior: E_θ(x|z), z ~ p(z)."""

from typing import Final

import torch
from matplotlib.figure import Figure

from bench.figures.page import Page
from bench.pictures.images import ImageData
from bench.pictures.montage import columns_of, picture
from estimators.draw import Detached
from tasks.parts.image_vae import ImageVAE

_ROWS: Final = 6


@torch.no_grad()
def draw(task: ImageVAE, data: ImageData, page: Page) -> Figure:
    """Return six rows of images."""
    columns = columns_of(page)
    drawn = Detached(1)
    task.model.prior(data.x.new_zeros(_ROWS * columns, 1), drawn)
    images = data.shaped(task.model.mean(drawn.trace.latents)[0])
    return picture(page, images.reshape(_ROWS, columns, *images.shape[1:]), data.dark)
