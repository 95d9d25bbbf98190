"""From one test image to another: E_θ(x|z) for z on the line between their posterior means."""

from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from bench.figures.page import Page
from bench.pictures import Misfit
from bench.pictures.codes import codes_of, continuous_top, images_at
from bench.pictures.images import ImageData, choose
from bench.pictures.montage import picture
from tasks.parts.image_vae import ImageVAE

_ROWS: Final = 6


@torch.no_grad()
def draw(task: ImageVAE, data: ImageData, page: Page) -> Figure:
    """Return a row for each pair of images, which stand at its ends; of different classes where there are labels."""
    top = continuous_top(task, data.x[:1], "interpolation")
    first, second = pairs(data, _ROWS)
    steps = 1 + 5 * page.columns
    share = torch.linspace(0, 1, steps, dtype=data.x.dtype)
    start, end = (codes_of(task, data.x[ends], top.name) for ends in (first, second))
    rows = []
    for row in range(len(first)):
        between = torch.lerp(start[row], end[row], share.reshape(-1, *(1,) * (start.dim() - 1)))
        images = torch.cat([data.x[first[row], None], images_at(task, top.name, between), data.x[second[row], None]])
        rows.append(data.shaped(images))
    shares = [f"{value:.1f}".removesuffix(".0") for value in share.tolist()]
    return picture(page, np.stack(rows), data.dark, (), ["x", *shares, "x′"], beside=(0, steps))


def pairs(data: ImageData, count: int) -> tuple[Tensor, Tensor]:
    """Return the places of the images at both ends, up to `count` each."""
    if len(data.x) < 2:
        raise Misfit(f"interpolation needs two test images; there are {len(data.x)}")
    order = choose(len(data.x), data)
    half = len(order) // 2
    first, second = order[:half], order[half : 2 * half]
    if data.labels is not None:
        labels = torch.from_numpy(data.labels)
        apart = labels[first] != labels[second]
        if bool(apart.any()):
            first, second = first[apart], second[apart]
    return first[:count], second[:count]
