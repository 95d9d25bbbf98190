"""Where test images lie in latent space: their posterior means, in the plane."""

from typing import Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.figures.page import Page
from bench.figures.palette import COLOURS
from bench.pictures import Misfit
from bench.pictures.codes import codes_of, top_of
from bench.pictures.images import ImageData, Pixels, choose
from tasks.parts.image_vae import ImageVAE

_POINTS: Final = 3000
_OTHERS: Final = "#CCCCCC"
_HEIGHT: Final = 0.75
"""Of the figure, in terms of its width in one column."""


class Plane(NamedTuple):
    """Points in the plane, [N, 2], and what its two axes are."""

    points: Pixels
    axes: tuple[str, str]


def draw(task: ImageVAE, data: ImageData, page: Page) -> Figure:
    """Return a scatter of at most 3000 test images, one colour for each of the ten most frequent labels."""
    top = top_of(task, data.x[:1])
    chosen = choose(_POINTS, data)
    means = codes_of(task, data.x[chosen], top.name).flatten(1)
    plane = project(means.double().numpy(), top.name)
    figure = page.figure(1, 1, height=min(page.width * _HEIGHT, 3.6))
    axes = figure.subplots()
    for name, colour, mask in coloured(
        None if data.labels is None else data.labels[chosen.numpy()], data.classes, len(chosen)
    ):
        axes.scatter(*plane.points[mask].T, s=3, linewidths=0, color=colour, label=name, rasterized=True)
    axes.set_xlabel(plane.axes[0])
    axes.set_ylabel(plane.axes[1])
    axes.set_aspect("equal", "box")
    if data.labels is not None:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2.5, handletextpad=0.1)
    return figure


def project(means: Pixels, site: str) -> Plane:
    """Return posterior means [N, D] in the plane: directly if D = 2, else on their two principal components."""
    if means.shape[1] < 2:
        raise Misfit(f"latent needs at least two latent coordinates; '{site}' has one")
    if means.shape[1] == 2:
        return Plane(means, (rf"$\mathrm{{E}}_q[{site}\,|\,x]$, first", rf"$\mathrm{{E}}_q[{site}\,|\,x]$, second"))
    centred = means - means.mean(0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    share = 100 * sizes**2 / (sizes**2).sum()
    first, second = (
        rf"principal component {place + 1} of $\mathrm{{E}}_q[{site}\,|\,x]$, {share[place]:.0f}% of variance"
        for place in (0, 1)
    )
    return Plane(centred @ directions[:2].T, (first, second))


def coloured(
    labels: NDArray[np.int64] | None, classes: tuple[str, ...], count: int
) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Return name, colour and points of each group: a label, or the labels that are left when colours are used up."""
    if labels is None:
        return [("", COLOURS[6], np.ones(count, bool))]
    values, sizes = np.unique(labels, return_counts=True)
    kept = sorted(values[np.argsort(-sizes, kind="stable")[: len(COLOURS)]])
    others = ~np.isin(labels, kept)
    groups = [(f"{len(values) - len(kept)} others", _OTHERS, others)] if others.any() else []
    for place, value in enumerate(kept):
        name = classes[value] if classes else str(value)
        groups.append((name, COLOURS[place], labels == value))
    return groups
