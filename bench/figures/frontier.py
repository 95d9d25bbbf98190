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
    integer_scale,
    is_leftmost,
    legend_below,
    say_nothing,
    seconds_scale,
    set_scale,
    unclip_markers,
    y_scale,
)
from bench.figures.estimates import by_name, comparable, last_moments, shown_groups, wide
from bench.figures.grid import blocks_grid, task_groups
from bench.figures.labels import metric_axis, panel_title
from bench.figures.legend import dagger_note, handles, looks_of, sample_handles, sizes_of
from bench.figures.page import Page
from bench.figures.palette import Looks, Sized
from bench.figures.seeds import MEASURED, bars_note, spanned
from bench.results.frames import grouped, records, series, where
from bench.results.metrics import METRICS
from bench.results.tables import Results

COSTS: Final = ("seconds", "evaluations")
_RING: Final = 9.0
"""Points of print across a ring around what is on the front."""


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × group × configuration at its last measured step: variance (`value`) and cost.

    `front_seconds` and `front_evaluations` say whether it is on the front of its panel: see `pareto`. Estimators that
    declare a bias (`biased`) are not, and keep nothing from it.
    """
    wanted = shown_groups(results.gradients, groups)
    measured = spanned(last_moments(results, ["variance", *COSTS], wanted), results.gradients, MEASURED)
    table = wide(measured, ["variance", *COSTS], wanted)
    table = comparable(table, results)
    for cost in COSTS:
        table[f"front_{cost}"] = False
        for _, panel in grouped(where(table, ~table["biased"]), "panel", "group"):
            costs, variances = (_bounds(panel, name) for name in (cost, "variance"))
            table.loc[panel.index, f"front_{cost}"] = pareto(costs, variances)
    return table.rename(columns={"variance": "value", "variance_low": "ci_low", "variance_high": "ci_high"})


def _bounds(panel: pd.DataFrame, name: str) -> np.ndarray:
    """Return the ends of intervals, [N, 2]: the value where it has none, NaN where it is not finite."""
    value = panel[name].to_numpy(float)
    ends = [panel[f"{name}_{end}"].to_numpy(float) for end in ("low", "high")]
    known = [np.where(np.isnan(end), value, end) for end in ends]
    return np.stack([np.where(np.isfinite(value), end, np.nan) for end in known], axis=1)


def pareto(cost: np.ndarray, value: np.ndarray) -> list[bool]:
    """Return which points no other beats: none is less in one by its interval, and in the other not more by its.

    Args:
        cost: ends of intervals, [N, 2]; NaN is never on the front.
        value: likewise.
    """
    known: np.ndarray = ~np.isnan(np.sum(cost + value, axis=1))
    cheaper, steadier = (np.less.outer(ends[:, 1], ends[:, 0]) for ends in (cost, value))
    beats = ((cheaper & ~steadier.T) | (steadier & ~cheaper.T)) & known[:, None]
    return [bool(one) for one in np.logical_and(known, ~np.any(beats, axis=0))]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return two panels per task and group, a point per configuration; bigger, darker markers have more samples."""
    groups, named = task_groups(shown), by_name(shown)
    front = Line2D(
        [], [], color="0.6", marker="o", markersize=7, markerfacecolor="none", linewidth=0.8, label="Pareto front"
    )
    entries = [*handles(named, page, line=False), *sample_handles(shown, page), front]
    note = "; ".join([*dagger_note(shown), *bars_note(shown)])
    sizes, looks = sizes_of(shown, page), looks_of(shown, page)
    blocks = [(task, group) for task in groups for group in groups[task]]
    labels = [str(entry.get_label()) for entry in entries]
    figure, places = blocks_grid(page, [len(COSTS)] * len(blocks), labels, note=note)
    for axes, (task, group) in zip(places, blocks, strict=True):
        panel = where(named, (named["panel"] == task) & (named["group"] == group))
        axes[0].set_title(panel_title(task, group, groups[task]), loc="left")
        for place, cost in zip(axes, COSTS, strict=True):
            known = where(panel, np.isfinite(panel[cost]) & np.isfinite(panel["value"]))
            _draw_panel(place, known, cost, sizes, looks)
            place.set_xlabel(metric_axis(cost, _label_unit(place, known, cost), space=" "))
            place.set_ylabel(metric_axis("variance") if is_leftmost(place) else "")
    legend_below(figure, entries, page, note)
    return figure


def _label_unit(place: Axes, known: pd.DataFrame, cost: str) -> str:
    """Return the unit of a cost as its axis is written."""
    if cost == "seconds" and not known.empty:
        return seconds_scale(place, series(known, cost))
    return METRICS[cost].unit


def _draw_panel(place: Axes, known: pd.DataFrame, cost: str, sizes: Mapping[int, Sized], looks: Looks) -> None:
    if known.empty:
        say_nothing(place, "no finite variance")
        return
    if not set_scale(place, "x", ends(known, cost, f"{cost}_low", f"{cost}_high")) and cost == "evaluations":
        integer_scale(place, series(known, cost))
    noisy = known["value"] > 0
    y_scale(place, where(known, noisy))
    place.margins(0.1)
    if not np.all(noisy):
        # What has no variance stands on the lower edge; a logarithmic axis has no zero.
        least = place.get_ylim()[0] if place.get_yscale() == "log" else 0.0
        place.set_ylim(bottom=least)
        columns = ["value", "ci_low", "ci_high"]
        known = known.assign(**{name: known[name].where(noisy, least) for name in columns})
    # The smaller above the bigger, which it would not hide.
    for row in records(known.sort_values("samples", ascending=False, kind="stable")):
        style = sizes[row.samples].of(looks(row.estimator, row.variant))
        draw_interval(place, where(known, [row.Index]), cost, style)
    unclip_markers(place)
    front = where(known, known[f"front_{cost}"].astype(bool)).sort_values([cost, "value"])
    place.plot(
        front[cost],
        np.minimum.accumulate(front["value"].to_numpy(float)),
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
