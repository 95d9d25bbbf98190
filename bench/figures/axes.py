"""What the kinds draw with: intervals, lines with bands, logarithmic axes where values span decades, legends below."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, cast

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from bench.figures.page import Page
from bench.figures.palette import Look, look
from bench.results.frames import records, series, where

_DECADES: Final = 1.3
"""Powers of ten between the least and the largest value from which on an axis is logarithmic."""
_BOUND: Final[dict[str, Any]] = {"marker": "v", "linestyle": "none", "markerfacecolor": "white", "markersize": 3}


def decades(values: Iterable[float]) -> bool:
    """Return whether positive values span so much that only a logarithmic axis shows them all."""
    finite = [float(value) for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and math.log10(max(finite) / min(finite)) > _DECADES


def draw_line(axes: Axes, frame: pd.DataFrame, x: str, look: Look, markers: bool = True) -> None:
    """Draw `value` against a column, in its order, and the interval as a band, or as a bar where there is one point."""
    finite = where(frame, np.isfinite(frame["value"].to_numpy(float)))
    if finite.empty:
        return
    sns.lineplot(
        data=finite,
        x=x,
        y="value",
        ax=axes,
        errorbar=None,
        estimator=None,
        color=look.colour,
        linestyle=look.line,
        marker=look.marker if markers or len(finite) == 1 else "",
        markerfacecolor=look.face,
        markeredgecolor=look.colour,
        legend=False,
    )
    low, high = finite["ci_low"].to_numpy(float), finite["ci_high"].to_numpy(float)
    known = np.isfinite(low) & np.isfinite(high)
    if known.sum() > 1:
        axes.fill_between(finite[x], low, high, where=known.tolist(), color=look.colour, alpha=0.18, linewidth=0)
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
        fmt=look.marker,
        color=look.colour,
        markerfacecolor=look.face,
        markersize=look.size,
        elinewidth=0.7,
        capsize=0,
        linestyle="none",
    )


def draw_seen(axes: Axes, frame: pd.DataFrame, x: str, look: Look) -> None:
    """Draw positive values with their intervals; those not told apart from zero as hollow upper bounds."""
    seen = frame["ci_low"] > 0
    draw_interval(axes, where(frame, seen), x, look)
    bounds = where(frame, ~seen & (frame["ci_high"] > 0))
    axes.plot(bounds[x], bounds["ci_high"], color=look.colour, **_BOUND)


def bound_handle() -> Line2D:
    """Return what stands for upper bounds in a legend."""
    return Line2D([], [], **_BOUND, color="0.4", label="upper bound")


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
    margin = 10 ** max(0.06 * math.log10(high / low), 0.1)
    axes.set(**{f"{which}lim": (low / margin, high * margin)})
    axis.set_minor_formatter(NullFormatter())
    if math.log10(high * margin**2 / low) > 2.2:
        axis.set_major_locator(LogLocator(numticks=6))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
        axis.set_major_formatter(lambda value, _: f"{value:.3g}")
    return True


def y_scale(axes: Axes, frame: pd.DataFrame, log: bool | None = None) -> None:
    """Scale an axis for values with intervals; arms that are ten times as long as the value leave by the edge."""
    low, high, value = (series(frame, name) for name in ("ci_low", "ci_high", "value"))
    set_scale(axes, "y", pd.concat([value, low.where(low > value / 10), high.where(high < value * 10)]), log)


def seconds_scale(axes: Axes, seconds: pd.Series) -> str:
    """Write an axis of seconds in the unit that suits them, and return that unit."""
    middle = float(seconds.median())
    unit, factor = ("s", 1.0) if middle >= 0.1 else ("ms", 1e3) if middle >= 1e-4 else ("µs", 1e6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value * factor:.3g}")
    return unit


def step_scale(axes: Axes, steps: pd.Series) -> None:
    """Make the axis of training steps logarithmic where they are log-spaced, with step 0 on it."""
    values = np.unique(steps.to_numpy(float))
    positive = values[values > 0]
    if len(values) < 3 or not decades(positive):
        axes.xaxis.set_major_locator(ticks(5, integer=True))
        return
    axes.set_xscale("symlog", linthresh=positive.min(), linscale=0.6)
    axes.set_xlim(-0.12 * positive.min(), positive.max() * 1.2)
    powers = 10.0 ** np.arange(math.ceil(math.log10(positive.min())), math.floor(math.log10(positive.max())) + 1)
    axes.set_xticks([*([0.0] if values[0] == 0 else []), *powers])
    axes.xaxis.set_minor_formatter(NullFormatter())


def handle(look: Look, label: str, line: bool = True) -> Line2D:
    """Return what stands for a line, or for points, in a legend."""
    return Line2D(
        [],
        [],
        color=look.colour,
        marker=look.marker,
        linestyle=cast("Any", look.line if line else "none"),
        markerfacecolor=look.face,
        markeredgecolor=look.colour,
        markersize=look.size if not line else None,
        label=label,
    )


def legend_grid(labels: Sequence[str], page: Page) -> tuple[int, int]:
    """Return how many columns and lines a legend of these labels has on a page."""
    width = max(map(len, labels), default=0) + 7
    columns = max(1, min(len(labels), page.characters // width))
    lines = math.ceil(len(labels) / columns)
    return math.ceil(len(labels) / max(lines, 1)), lines


def legend_below(figure: Figure, handles: Sequence[Line2D], page: Page) -> None:
    """Put one legend for all panels below them, where it covers nothing."""
    if handles:
        columns, _ = legend_grid([str(entry.get_label()) for entry in handles], page)
        figure.legend(handles=list(handles), loc="outside lower center", ncols=columns)


def handles(shown: pd.DataFrame, line: bool = True) -> list[Line2D]:
    """Return a legend's entries: one per label of the rows, in their order."""
    labels = shown.drop_duplicates("label")
    return [handle(look(row.estimator, row.variant), row.label, line) for row in records(labels)]


def is_leftmost(axes: Axes) -> bool:
    """Return whether a panel stands at the left of its figure, where the labels are written."""
    place = axes.get_subplotspec()
    return place is None or place.is_first_col()


def ticks(number: int, integer: bool = False) -> MaxNLocator:
    """Return at most this many intervals between ticks at round numbers."""
    return MaxNLocator(nbins=number, min_n_ticks=2, integer=integer, steps=[1, 2, 2.5, 5, 10])


def say_nothing(axes: Axes, text: str) -> None:
    """Write into a panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4", fontsize="small")
