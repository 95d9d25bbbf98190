"""What the kinds draw with: intervals, lines with bands, logarithmic axes where values span decades, legends below."""

import math
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any, Final, Literal, cast

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from bench.figures.page import Page
from bench.figures.palette import Look
from bench.figures.ticks import LogNumbers, LogTicks, ticks
from bench.results.frames import series, where

_ALL: Final = slice(None)
_HIDDEN: Final = 0.05
"""Relative distance of values up to which one marker hides another."""
_RIM: Final = 1.5
"""Points of print by which a marker is bigger than the next that would hide it; three rims at most."""
_ROOM: Final = {"x": 0.23, "y": 0.12}
"""What a tick label takes of the axis of a small panel."""
_DECADES: Final = 1.3
"""Powers of ten between the least and the largest value from which on an axis is logarithmic."""


def decades(values: Iterable[float]) -> bool:
    """Return whether positive values span so much that only a logarithmic axis shows them all."""
    finite = [float(value) for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and math.log10(max(finite) / min(finite)) > _DECADES


def look_nested(lines: Sequence[pd.DataFrame], looks: Sequence[Look], x: str) -> list[Look]:
    """Return the looks of lines against a column, with bigger markers for each later line that has the same points.

    So a rim of it shows around those that are drawn above it, in the same place.
    """
    later = [sum(_coincide(line, other, x) for other in lines[place + 1 :]) for place, line in enumerate(lines)]
    return [look._replace(size=look.size + _RIM * min(count, 3)) for look, count in zip(looks, later, strict=True)]


def _coincide(one: pd.DataFrame, other: pd.DataFrame, x: str) -> bool:
    """Return whether lines have at least half of their common points in the same places."""
    both = one.merge(other, on=x)
    same = np.isclose(both["value_x"].to_numpy(float), both["value_y"].to_numpy(float), rtol=_HIDDEN, atol=0.0)
    return len(both) > 0 and bool(np.mean(same) >= 0.5)


def draw_line(
    axes: Axes,
    frame: pd.DataFrame,
    x: str,
    look: Look,
    among: int = 1,
    marked: slice = _ALL,
) -> None:
    """Draw `value` against a column, in its order, and the interval as a band, or as a bar where there is one point.

    Args:
        axes: where to.
        frame: of one line: the column, value, ci_low, ci_high.
        x: the column.
        look: of the line.
        among: lines in the panel; where they are many, bands are fainter.
        marked: the points that have a marker.
    """
    finite = where(frame, np.isfinite(frame["value"].to_numpy(float)))
    if finite.empty:
        return
    # Not seaborn's lineplot: it takes ten times as long, and a line at a time leaves it nothing to do.
    axes.plot(
        finite[x],
        finite["value"],
        color=look.colour,
        linestyle=look.line,
        markevery=marked if len(finite) > 1 else None,
        markersize=look.size,
        **look.markers,
    )
    low, high = finite["ci_low"].to_numpy(float), finite["ci_high"].to_numpy(float)
    known = np.isfinite(low) & np.isfinite(high)
    if known.sum() > 1:
        alpha = min(0.15, 0.7 / among)
        axes.fill_between(finite[x], low, high, where=known.tolist(), color=look.colour, alpha=alpha, linewidth=0)
    elif known.any():
        draw_interval(axes, where(finite, known), x, look)


def draw_interval(axes: Axes, frame: pd.DataFrame, x: str, look: Look) -> None:
    """Draw points at (`x`, value) with their intervals, and `x`'s own where there are `x_low` and `x_high`."""
    y_error = _error(series(frame, "value"), series(frame, "ci_low"), series(frame, "ci_high"))
    x_error = (
        _error(series(frame, x), series(frame, f"{x}_low"), series(frame, f"{x}_high")) if f"{x}_low" in frame else None
    )
    axes.errorbar(
        frame[x],
        frame["value"],
        yerr=y_error,
        xerr=x_error,
        color=look.colour,
        markersize=look.size,
        elinewidth=0.7,
        capsize=0,
        linestyle="none",
        **look.markers,
    )


def unclip_markers(axes: Axes) -> None:
    """Let the markers of intervals stand over the edge of a panel, whose limits leave room for their middles."""
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer) and container.lines[0] is not None:
            container.lines[0].set_clip_on(False)


def draw_arrow(axes: Axes, frame: pd.DataFrame, x: str, look: Look) -> None:
    """Draw arrows down from points at (`x`, value): they are upper bounds."""
    for row in frame[[x, "value"]].to_numpy(float):
        axes.annotate(
            "",
            xy=tuple(row),
            xytext=(0, -9),
            textcoords="offset points",
            arrowprops={
                "arrowstyle": "<-, head_length=0.25, head_width=0.12",
                "color": look.colour,
                "linewidth": 0.7,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def draw_seen(axes: Axes, frame: pd.DataFrame, x: str, look: Look) -> None:
    """Draw positive values with their intervals; of those not told apart from zero the upper end, with an arrow."""
    known = where(frame, frame["ci_high"] > 0)
    seen = known["ci_low"] > 0
    known = known.assign(value=known["value"].where(seen, known["ci_high"]))
    draw_interval(axes, known.assign(ci_low=known["ci_low"].where(seen, known["value"])), x, look)
    draw_arrow(axes, where(known, ~seen), x, look)


def room_below(axes: Axes) -> None:
    """Leave room for arrows below the points of a logarithmic axis."""
    low, high = axes.get_ylim()
    axes.set_ylim(low / (high / low) ** 0.2, high)


def bound_handle() -> Line2D:
    """Return what stands for arrows down in a legend."""
    return Line2D([], [], color="0.4", marker=r"$\downarrow$", linestyle="none", markersize=7, label="upper bound")


def _error(value: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """Return lengths below and above, [2, N]; zero where there is no interval."""
    return np.nan_to_num(np.clip([value - low, high - value], 0, None).astype(float), nan=0.0, posinf=0.0)


def set_scale(axes: Axes, which: Literal["x", "y"], values: Iterable[float], log: bool | None = None) -> bool:
    """Make an axis logarithmic, or not, with limits around its values; by default where they span decades.

    Ends of intervals that are not positive leave a logarithmic axis by its edge. Returns whether it is logarithmic.
    """
    finite = np.array([float(value) for value in values if math.isfinite(value)])
    log = decades(finite[finite > 0]) if log is None else log
    positive = finite[finite > 0]
    axis = axes.xaxis if which == "x" else axes.yaxis
    if not log or not len(positive):
        axis.set_major_locator(ticks(5))
        return False
    axes.set(**{f"{which}scale": "log"})
    low, high = float(positive.min()), float(positive.max())
    margin = 10 ** max(0.1 * math.log10(high / low), 0.1)
    axes.set(**{f"{which}lim": (low / margin, high * margin)})
    axis.set_minor_formatter(NullFormatter())
    if math.log10(high * margin**2 / low) > 2.2:
        axis.set_major_locator(LogLocator(numticks=6))
    else:
        axis.set_major_locator(LogTicks(_ROOM[which]))
        axis.set_major_formatter(LogNumbers())
    return True


def y_scale(axes: Axes, frame: pd.DataFrame, log: bool | None = None) -> None:
    """Scale an axis for values with intervals."""
    set_scale(axes, "y", ends(frame, "value", "ci_low", "ci_high"), log)


def ends(frame: pd.DataFrame, value: str, low: str, high: str) -> pd.Series:
    """Return values and the ends of their intervals, except for arms that are ten times as long as the value."""
    middle, below, above = (series(frame, name) for name in (value, low, high))
    return pd.concat([middle, below.where(below > middle / 10), above.where(above < middle * 10)])


def seconds_scale(axes: Axes, seconds: pd.Series) -> str:
    """Write an axis of seconds in the unit that suits them, and return that unit."""
    middle = float(seconds.median())
    unit, factor = ("s", 1.0) if middle >= 0.1 else ("ms", 1e3) if middle >= 1e-4 else ("µs", 1e6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value * factor:.6g}")
    return unit


def step_scale(axes: Axes, steps: pd.Series) -> None:
    """Make the axis of training steps logarithmic where they are log-spaced, with step 0 on it."""
    values = np.unique(steps.to_numpy(float))
    positive = values[values > 0]
    if len(values) < 3 or not decades(positive):
        integer_scale(axes, steps)
        return
    axes.set_xscale("symlog", linthresh=positive.min(), linscale=0.6)
    axes.set_xlim(-0.12 * positive.min(), positive.max() * 1.3)
    powers = 10.0 ** np.arange(math.ceil(math.log10(positive.min())), math.floor(math.log10(positive.max())) + 1)
    axes.set_xticks([*([0.0] if values[0] == 0 else []), *powers])
    axes.xaxis.set_minor_formatter(NullFormatter())


def integer_scale(axes: Axes, numbers: pd.Series) -> None:
    """Mark round integers on the x axis, or the only one that there is."""
    values = np.unique(numbers.dropna().to_numpy(float))
    if len(values) == 1:
        axes.set(xticks=values, xlim=(values[0] - 1, values[0] + 1))
    else:
        axes.xaxis.set_major_locator(ticks(5, integer=True))


def handle(look: Look, label: str, line: bool = True) -> Line2D:
    """Return what stands for a line, or for points, in a legend."""
    return Line2D(
        [],
        [],
        color=look.colour,
        linestyle=cast("Any", look.line if line else "none"),
        markersize=look.size if not line else None,
        label=label,
        **look.markers,
    )


def legend_grid(labels: Sequence[str], page: Page) -> tuple[int, int]:
    """Return how many columns and lines a legend of these labels has on a page."""
    width = max(map(len, labels), default=0) + 7
    columns = max(1, min(len(labels), page.characters // width))
    lines = math.ceil(len(labels) / columns)
    return math.ceil(len(labels) / max(lines, 1)), lines


def note_lines(note: str, page: Page) -> list[str]:
    """Return the lines of a note on a page, and below them those of the page's own."""
    return [line for text in (note, page.note) for line in wrap(text, page.characters)]


def legend_below(figure: Figure, handles: Sequence[Artist], page: Page, note: str = "") -> None:
    """Put one legend for all panels below them, where it covers nothing, under a note on what they show."""
    if handles or note or page.note:
        columns, _ = legend_grid([str(entry.get_label()) for entry in handles], page)
        legend = figure.legend(
            handles=list(handles),
            loc="outside lower center",
            ncols=columns,
            title="\n".join(note_lines(note, page)) or None,
            title_fontsize=page.small,
        )
        legend.get_title().set_multialignment("center")


def is_leftmost(axes: Axes) -> bool:
    """Return whether a panel stands at the left of its figure, where the labels are written."""
    place = axes.get_subplotspec()
    return place is None or place.is_first_col()


def say_nothing(axes: Axes, text: str) -> None:
    """Write into a panel why it is empty."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4", fontsize="small")
