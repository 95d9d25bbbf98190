"""`frontier`: variance against seconds and evaluations per gradient, with the Pareto front."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.figures.axes import (
    draw_interval,
    ends,
    handles,
    integer_scale,
    is_leftmost,
    legend_below,
    say_nothing,
    seconds_scale,
    set_scale,
    unclip_markers,
    y_scale,
)
from bench.figures.estimates import last_moments, shown_groups, wide
from bench.figures.grid import grid, task_groups
from bench.figures.labels import metric_axis, panel_title
from bench.figures.page import Page
from bench.figures.palette import Looks, marker_sizes
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import METRICS
from bench.results.tables import Results

_COSTS: Final = ("seconds", "evaluations")
_RING: Final = 9.0
"""Points of print across a ring around what is on the front."""


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × group × configuration at its last measured step: variance (`value`) and cost.

    `front_seconds` and `front_evaluations` say whether nothing else in the panel is better in one and as good in the
    other; intervals do not enter.
    """
    wanted = shown_groups(results.gradients, groups)
    table = wide(last_moments(results, ["variance", *_COSTS], wanted), ["variance", *_COSTS], wanted)
    for cost in _COSTS:
        table[f"front_{cost}"] = False
        for _, panel in grouped(table, "panel", "group"):
            table.loc[panel.index, f"front_{cost}"] = pareto(
                panel[cost].to_numpy(float), panel["variance"].to_numpy(float)
            )
    return table.rename(columns={"variance": "value", "variance_low": "ci_low", "variance_high": "ci_high"})


def pareto(cost: np.ndarray, value: np.ndarray) -> list[bool]:
    """Return which points no other beats: none has less of one and no more of the other. NaN is never on the front."""
    points = np.stack([cost, value], axis=1)
    known: np.ndarray = np.all(np.isfinite(points), axis=1)
    return [
        bool(own) and not np.any(known & (points <= point).all(axis=1) & (points < point).any(axis=1))
        for own, point in zip(known, points, strict=True)
    ]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return two panels per task and group, a point per configuration; bigger markers have more samples."""
    groups = task_groups(shown)
    front = Line2D(
        [], [], color="0.6", marker="o", markersize=7, markerfacecolor="none", linewidth=0.8, label="Pareto front"
    )
    entries = [*handles(shown, line=False), front]
    sizes, looks = marker_sizes(shown["samples"]), Looks(shown["estimator"])
    panels = [(task, group, cost) for task in groups for group in groups[task] for cost in _COSTS]
    figure, axes = grid(page, len(panels), len(_COSTS), distinct(shown, "label"))
    for place, (task, group, cost) in zip(axes, panels, strict=True):
        panel = where(shown, (shown["panel"] == task) & (shown["group"] == group))
        known = where(panel, np.isfinite(panel[cost]) & (panel["value"] > 0))
        _draw_panel(place, known, cost, sizes, looks)
        place.set_xlabel(metric_axis(cost, _label_unit(place, known, cost), space=" "))
        first = is_leftmost(place)
        place.set_ylabel(metric_axis("variance") if first else "")
        place.set_title(panel_title(task, group, groups[task]) if cost == _COSTS[0] else "", loc="left")
    legend_below(figure, entries, page)
    return figure


def _label_unit(place: Axes, known: pd.DataFrame, cost: str) -> str:
    """Return the unit of a cost as its axis is written."""
    if cost == "seconds" and not known.empty:
        return seconds_scale(place, series(known, cost))
    return METRICS[cost].unit


def _draw_panel(place: Axes, known: pd.DataFrame, cost: str, sizes: Mapping[int, float], looks: Looks) -> None:
    if known.empty:
        say_nothing(place, "no positive finite variance")
        return
    if not set_scale(place, "x", ends(known, cost, f"{cost}_low", f"{cost}_high")) and cost == "evaluations":
        integer_scale(place, series(known, cost))
    y_scale(place, known)
    place.margins(0.1)
    # The smaller above the bigger, which it would not hide.
    for row in records(known.sort_values("samples", ascending=False, kind="stable")):
        style = looks(row.estimator, row.variant)._replace(size=sizes[row.samples])
        draw_interval(place, where(known, [row.Index]), cost, style)
    unclip_markers(place)
    front = where(known, known[f"front_{cost}"].astype(bool)).sort_values([cost, "value"])
    place.plot(
        front[cost],
        front["value"],
        drawstyle="steps-post",
        color="0.6",
        linewidth=0.8,
        zorder=0.5,
        label="_Pareto front",
    )
    # A ring, since on a grey print a line may be hard to follow; coloured, since other markers may stand within it.
    for row in records(front):
        place.plot(
            getattr(row, cost),
            row.value,
            "o",
            color="none",
            markeredgecolor=looks(row.estimator).colour,
            markersize=_RING,
            zorder=0.6,
            clip_on=False,
            label="_front",
        )
