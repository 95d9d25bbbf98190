"""Panels on a page: one per task and parameter group, as many beside each other as stay readable."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures.axes import legend_grid
from bench.figures.labels import panel_title
from bench.figures.page import Page
from bench.results.frames import distinct, where

_TALLEST: Final = 3
"""Panels that may stand below each other before they are wrapped."""
_NARROWEST: Final = 1.55
"""Inches of a panel with its axis labels."""


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
    fitting = max(1, int(page.width / _NARROWEST))
    columns = max(number for number in range(1, min(beside, fitting) + 1) if beside % number == 0)
    if columns == 1 and panels > _TALLEST:
        columns = min(beside, fitting)
    rows = -(-panels // columns)
    lines = legend_grid(legend, page)[1] + rows * extra_lines
    figure = page.figure(rows, columns, lines, height)
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for unused in axes[panels:]:
        unused.set_axis_off()
    return figure, axes[:panels]


def task_panels(page: Page, shown: pd.DataFrame) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a titled panel per task and parameter group, and the rows of each."""
    tasks, groups = distinct(shown, "panel"), distinct(shown, "group")
    there = [(task, group) for task in tasks for group in groups]
    beside = len(groups) if len(groups) > 1 else min(len(tasks), max(1, int(page.width / _NARROWEST)))
    figure, axes = grid(page, len(there), beside, distinct(shown, "label"))
    found = []
    for place, (task, group) in zip(axes, there, strict=True):
        place.set_title(panel_title(task, group, groups), loc="left")
        found.append((place, where(shown, (shown["panel"] == task) & (shown["group"] == group))))
    return figure, found
