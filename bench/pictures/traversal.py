"""One latent number varied at a time, the others as one test image has them: what each stands for."""

from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.distributions import MultivariateNormal, Normal

from bench.evaluation.active_units import THRESHOLD
from bench.figures.page import Page
from bench.pictures import Misfit
from bench.pictures.codes import continuous_top, images_at, means_at
from bench.pictures.images import ImageData, choose
from bench.pictures.montage import picture
from estimators.distributions.parameters import unwrapped
from tasks.parts.image_vae import ImageVAE

_ROWS: Final = 10
_REACH: Final = 3.0


@torch.no_grad()
def draw(task: ImageVAE, data: ImageData, page: Page) -> Figure:
    """Return a row for each of the ten most active units, from −3 to 3 prior standard deviations; x is the test image.

    A unit's activity is the variance of its posterior mean over the test images (Burda et al. 2016), as for the number
    of active units, and stands beside its row. Units that are not active are left out, unless none is.
    """
    top = continuous_top(task, data.x[:1], "traversal")
    if not isinstance(unwrapped(top.prior), Normal | MultivariateNormal):
        raise Misfit(
            f"traversal needs a Gaussian prior, since it varies latents by its standard deviations; "
            f"'{top.name}' of {task.called} is {top.family}"
        )
    means = means_at(task, data.x, top.name)
    codes, activity = means.values.to(data.x.dtype), means.activity
    units = activity.argsort(descending=True)[:_ROWS]
    units = units[: max(1, int((activity[units] > THRESHOLD).sum()))]
    place = int(choose(1, data)[0])
    steps = 1 + 6 * page.columns
    values = torch.linspace(-_REACH, _REACH, steps, dtype=codes.dtype)
    loc, scale = top.prior.mean[0], top.prior.stddev[0]
    rows = []
    for unit in units.tolist():
        at = codes[place].repeat(steps, 1)
        at[:, unit] = loc[unit] + scale[unit] * values
        rows.append(data.shaped(images_at(task, top.name, at)))
    first = np.full((len(rows), 1, *rows[0].shape[1:]), np.nan)
    first[0, 0] = data.shaped(data.x[place])
    # With the noise of draws taken off, an estimate may lie below zero.
    labels = [f"{top.name}[{unit}]  {activity[unit].clamp(min=0):.2f}" for unit in units.tolist()]
    shown = [
        f"{value:+.0f}".replace("-", "−").replace("+0", "0") if value % 1 == 0 else "" for value in values.tolist()
    ]
    cells = np.concatenate([first, np.stack(rows)], 1)
    note = "number beside a unit: the variance of its posterior mean"
    return picture(page, cells, data.dark, labels, ["x", *shown], note, beside=(0,))
