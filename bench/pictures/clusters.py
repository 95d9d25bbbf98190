"""Points of a trained mixture, each in the colour of the component that the guide takes it for."""

from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from bench.figures.page import Page
from bench.figures.palette import COLOURS
from bench.results.digits import number
from tasks.latent_variables.gaussian_mixture import GaussianMixture

_POINTS: Final = 2000
_DEVIATIONS: Final = 2.0
_HEIGHT: Final = 0.8
"""Of the figure, in terms of its width in one column."""


@torch.no_grad()
def draw(task: GaussianMixture, data: Tensor, page: Page) -> Figure:
    """Return a scatter of at most 2000 test points with each component's ellipse, at two standard deviations.

    The legend has the components' weights π, the largest first.
    """
    x = data[torch.randperm(len(data))[:_POINTS]]
    taken = task.guide.network(x).argmax(-1).numpy()
    weights = task.model.logits.softmax(-1).numpy()
    covariances = torch.cholesky_inverse(task.model.cholesky()).numpy()
    figure = page.figure(1, 1, height=min(page.width * _HEIGHT, 3.4))
    axes = figure.subplots()
    for place, component in enumerate(np.argsort(-weights, kind="stable")):
        colour = COLOURS[place % len(COLOURS)]
        label = f"π = {number(float(weights[component]), 2)}"
        axes.scatter(*x[taken == component].T.numpy(), s=3, linewidths=0, color=colour, label=label, rasterized=True)
        sizes, directions = np.linalg.eigh(covariances[component])
        angle = float(np.degrees(np.arctan2(directions[1, -1], directions[0, -1])))
        width, height = (2 * _DEVIATIONS * float(size) ** 0.5 for size in (sizes[-1], sizes[0]))
        middle = (float(task.model.loc[component, 0]), float(task.model.loc[component, 1]))
        axes.add_patch(Ellipse(middle, width, height, angle=angle, fill=False, edgecolor=colour, linewidth=0.9))
    # A component that nothing belongs to may lie far outside.
    low, high = x.amin(0), x.amax(0)
    ends = torch.stack([low - 0.05 * (high - low), high + 0.05 * (high - low)], 1).tolist()
    axes.set(xlim=ends[0], ylim=ends[1])
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    axes.set_aspect("equal", "box")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2.5, handletextpad=0.1, title="component")
    return figure
