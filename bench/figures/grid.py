"""Panels on a page: one per task and parameter group, as many beside each other as stay readable."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures.axes import legend_grid
from bench.figures.labels import panel_title, wrapped
from bench.figures.page import Page
from bench.results.frames import distinct, grouped, where

_TALLEST: Final = 3
"""Panels that may stand below each other before they are wrapped."""
_NARROWEST: Final = 1.55
"""Inches of a panel with its axis labels."""


def fitting(page: Page) -> int:
    """Return how many panels fit beside each other."""
    return max(1, int(page.width / _NARROWEST))


def grid(
    page: Page, panels: int, beside: int, legend: Sequence[str] = (), height: float | None = None, extra_lines: int = 0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with this many panels, unused places left blank.

    Args:
        page: where the figure is to stand.
        panels: how many there are.
        beside: how many belong beside each other; a divisor of it is used where the page is too narrow.
        legend: labels of the legend below, for which room is left.
        height: of a row of panels in inches.
        extra_lines: lines of small text that each row of panels has besides.
    """
    most = fitting(page)
    columns = max(number for number in range(1, min(beside, most) + 1) if beside % number == 0)
    if columns == 1 and panels > _TALLEST:
        columns = min(beside, most)
    rows = -(-panels // columns)
    lines = legend_grid(legend, page)[1] + rows * extra_lines
    figure = page.figure(rows, columns, lines, height)
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for unused in axes[panels:]:
        unused.set_axis_off()
    return figure, axes[:panels]


def task_groups(shown: pd.DataFrame) -> dict[str, list[str]]:
    """Return the parameter groups of each task, in the order of the rows."""
    order = distinct(shown, "group")
    return {task: sorted(distinct(rows, "group"), key=order.index) for (task,), rows in grouped(shown, "panel")}


def task_panels(
    page: Page, shown: pd.DataFrame, further: Sequence[str] = ()
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a titled panel per task and parameter group, and the rows of each.

    The legend has an entry per label of the rows, and `further` ones.
    """
    groups = task_groups(shown)
    there = [(task, group) for task, its_groups in groups.items() for group in its_groups]
    sizes = {len(its_groups) for its_groups in groups.values()}
    # Tasks with different groups do not line up.
    beside = sizes.pop() if sizes not in ({1},) and len(sizes) == 1 else min(len(there), fitting(page))
    figure, axes = grid(page, len(there), beside, [*distinct(shown, "label"), *further])
    found = []
    for place, (task, group) in zip(axes, there, strict=True):
        place.set_title(panel_title(task, group, groups[task]), loc="left")
        found.append((place, where(shown, (shown["panel"] == task) & (shown["group"] == group))))
    return figure, found


def wrap_texts(figure: Figure, page: Page) -> None:
    """Part the titles and x labels that would run into what is to their right, or off the page."""
    placed = [(axes, place) for axes in figure.axes if (place := axes.get_subplotspec()) is not None]
    for axes, place in placed:
        columns = place.get_gridspec().ncols
        first = place.colspan.start
        right = [
            other.colspan.start
            for others, other in placed
            if other.rowspan.start == place.rowspan.start and other.colspan.start > first and others.get_title("left")
        ]
        # They are a little larger than small text.
        panel = int(0.75 * page.characters / columns)
        axes.set_xlabel(wrapped(axes.get_xlabel(), panel))
        # Beside the panel are its tick labels.
        room = (min(right, default=columns) - first) * panel - 4
        axes.set_title(wrapped(axes.get_title("left"), room), loc="left")
