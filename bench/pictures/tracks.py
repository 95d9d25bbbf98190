"""Tracks of an animal, each step in the colour of what a trained guide takes it to be doing."""

from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from bench.figures.axes import legend_below
from bench.figures.grid import tiles
from bench.figures.page import Page
from bench.figures.palette import COLOURS, MARKERS
from bench.results.digits import number
from tasks.latent_variables.hmm import TrackedAnimal

_ROWS: Final = 2
_NOTE: Final = "circle: where a track starts; each has its own scale"
_PLACES: Final = (6, 0, 1, 5, 4, 7, 3, 2, 9, 8)
"""Colours of the activities, far from each other where they are few."""


@torch.no_grad()
def draw(task: TrackedAnimal, data: Tensor, page: Page) -> Figure:
    """Return test tracks in the plane; the legend has the activities by their step length, exp E log."""
    across = 4 * page.columns
    x = data[torch.randperm(len(data))[: _ROWS * across]]
    activity = marginals(task, x).argmax(-1).numpy()
    order = task.model.loc.argsort().tolist()
    styles = {state: (COLOURS[_PLACES[n % 10]], MARKERS[n % len(MARKERS)]) for n, state in enumerate(order)}
    lengths = {state: number(float(task.model.loc[state].exp()), 2) for state in order}
    entries = [
        Line2D([], [], color=colour, marker=marker, label=f"activity: steps of about {lengths[state]}")
        for state, (colour, marker) in styles.items()
    ]
    labels = [str(entry.get_label()) for entry in entries]
    figure, axes = tiles(page, len(x), across, labels, _NOTE)
    for place, track, states in zip(axes, paths(x), activity, strict=True):
        for step, state in enumerate(states):
            colour, marker = styles[int(state)]
            place.plot(*track[step : step + 2].T, color=colour, linewidth=1.0, solid_capstyle="round")
            place.plot(*track[step + 1], marker, color=colour, markersize=2.2, markeredgewidth=0)
        place.plot(*track[0], "o", color="none", markeredgecolor="0.2", markersize=4)
        place.margins(0.12)
        place.set_aspect("equal", "datalim")
    legend_below(figure, entries, page, _NOTE)
    return figure


def marginals(task: TrackedAnimal, x: Tensor) -> Tensor:
    """Return q(z_t|x), [B, T, S], of tracks x [B, T, 2]."""
    unary, tie = task.guide.unary(x), task.guide.transition
    found = [unary[:, 0].softmax(-1)]
    for time in range(1, task.length):
        logits = unary[:, time, None] + (torch.zeros(task.states, task.states).to(x) if tie is None else tie)
        found.append(torch.einsum("bs,bsr->br", found[-1], logits.softmax(-1)))
    return torch.stack(found, 1)


def paths(x: Tensor) -> np.ndarray:
    """Return where an animal is, [B, T + 1, 2], that starts at 0 to the right, from log step lengths and turns."""
    length, turn = x[..., 0].exp(), x[..., 1]
    heading = turn.cumsum(1) - turn[:, :1]
    steps = torch.stack([length * heading.cos(), length * heading.sin()], -1)
    return torch.cat([torch.zeros_like(steps[:, :1]), steps.cumsum(1)], 1).numpy()
