"""Panels on a page: one per task and parameter group, as many beside each other as stay readable."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures.axes import legend_grid, note_lines
from bench.figures.labels import panel_title, wrapped
from bench.figures.page import Page
from bench.results.frames import distinct, grouped, where
from bench.results.metrics import group_name

_TALLEST: Final = 3
"""Panels that may stand below each other before they are wrapped."""
_NARROWEST: Final = 1.55
"""Inches of a panel with its axis labels."""


def fitting(page: Page) -> int:
    """Return how many panels fit beside each other."""
    return max(1, int(page.width / _NARROWEST))


def grid(
    page: Page,
    panels: int,
    beside: int,
    legend: Sequence[str] = (),
    height: float | None = None,
    extra_lines: int = 0,
    note: str = "",
) -> tuple[Figure, list[Axes]]:
    """Return a figure with this many panels, unused places left blank.

    Args:
        page: where the figure is to stand.
        panels: how many there are.
        beside: how many belong beside each other; a divisor of it is used where the page is too narrow.
        legend: labels of the legend below, for which room is left.
        height: of a row of panels in inches.
        extra_lines: lines of small text that each row of panels has besides.
        note: the text above the legend.
    """
    most = fitting(page)
    columns = max(number for number in range(1, min(beside, most) + 1) if beside % number == 0)
    if columns == 1 and panels > _TALLEST:
        columns = min(beside, most)
    rows = -(-panels // columns)
    lines = legend_grid(legend, page)[1] + rows * extra_lines + len(note_lines(note, page))
    figure = page.figure(rows, columns, lines, height)
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for unused in axes[panels:]:
        unused.set_axis_off()
    return figure, axes[:panels]


def blocks_grid(
    page: Page,
    blocks: Sequence[int],
    legend: Sequence[str] = (),
    height: float | None = None,
    extra_lines: int = 0,
    note: str = "",
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with the panels of each block, each of which begins a row.

    Blocks of a single panel have nothing to keep together, and stand beside each other.

    Args:
        page: where the figure is to stand.
        blocks: how many panels each has.
        legend: labels of the legend below, for which room is left.
        height: of a row of panels in inches.
        extra_lines: lines of small text that each row of panels has besides.
        note: the text above the legend.
    """
    if max(blocks) == 1 and len(blocks) > 1:
        figure, [places] = blocks_grid(page, [len(blocks)], legend, height, extra_lines, note)
        return figure, [[place] for place in places]
    columns = -(-max(blocks) // -(-max(blocks) // fitting(page))) if sum(blocks) > 1 else 1
    rows = [-(-panels // columns) for panels in blocks]
    lines = legend_grid(legend, page)[1] + sum(rows) * extra_lines + len(note_lines(note, page))
    figure = page.figure(sum(rows), columns, lines, height)
    axes = figure.subplots(sum(rows), columns, squeeze=False)
    found, first = [], 0
    for panels, its_rows in zip(blocks, rows, strict=True):
        places = list(np.ravel(axes[first : first + its_rows]))
        for unused in places[panels:]:
            unused.set_axis_off()
        found.append(places[:panels])
        first += its_rows
    return figure, found


def tiles(
    page: Page, panels: int, across: int, legend: Sequence[str] = (), note: str = ""
) -> tuple[Figure, list[Axes]]:
    """Return a figure of small square panels in frames without ticks, `across` of them beside each other."""
    rows = -(-panels // across)
    lines = legend_grid(legend, page)[1] + len(note_lines(note, page))
    figure = page.figure(rows, across, lines, page.width / across)
    axes = list(np.ravel(figure.subplots(rows, across, squeeze=False)))
    for unused in axes[panels:]:
        unused.set_axis_off()
    for place in axes[:panels]:
        place.set(xticks=[], yticks=[])
        for spine in place.spines.values():
            spine.set(visible=True, color="0.8")
    return figure, axes[:panels]


def task_groups(shown: pd.DataFrame) -> dict[str, list[str]]:
    """Return the parameter groups of each panel's task, in the order of the rows."""
    order = distinct(shown, "group")
    return {task: sorted(distinct(rows, "group"), key=order.index) for (task,), rows in grouped(shown, "panel")}


class Panel(NamedTuple):
    """Where rows are drawn, the rows, and those of all panels that are compared with it."""

    axes: Axes
    rows: pd.DataFrame
    block: pd.DataFrame


def task_panels(
    page: Page,
    shown: pd.DataFrame,
    legend: Sequence[str],
    height: float | None = None,
    note: str = "",
) -> tuple[Figure, list[Panel]]:
    """Return a figure with a titled panel per task and parameter group; where K is faceted, one per K beside them."""
    groups = task_groups(shown)
    faceted = "facet" in shown
    blocks: dict[object, list[tuple[str, str]]] = {}
    for task, its_groups in groups.items():
        name = shown.loc[shown["panel"] == task, "task_label"].iloc[0]
        for group in its_groups:
            blocks.setdefault((name, group) if faceted else task, []).append((task, group))
    figure, places = blocks_grid(page, [len(panels) for panels in blocks.values()], legend, height, 0, note)
    found = []
    for axes, panels in zip(places, blocks.values(), strict=True):
        rows = [where(shown, (shown["panel"] == task) & (shown["group"] == group)) for task, group in panels]
        block = pd.concat(rows)
        for place, (task, group), of_panel in zip(axes, panels, rows, strict=True):
            title = panel_title(task, group, groups[task])
            if faceted and len(groups[task]) > 1:
                title = f"{task}: {group_name(group)}"
            place.set_title(title, loc="left")
            found.append(Panel(place, of_panel, block if faceted else of_panel))
    return figure, found


def wrap_texts(figure: Figure, page: Page) -> None:
    """Break the titles and x labels that would run into what is to their right, or off the page."""
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
