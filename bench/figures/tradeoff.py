"""`tradeoff`: squared bias against variance, with lines of equal mean squared error."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from bench.figures.axes import draw_interval, handles, is_leftmost, legend_below, say_nothing, set_scale
from bench.figures.estimates import last_moments, require_rows, shown_groups, squared, wide
from bench.figures.grid import task_panels
from bench.figures.labels import metric_axis
from bench.figures.page import Page
from bench.figures.palette import Look, look
from bench.results.frames import records, where
from bench.results.tables import Results

_UNIT: Final = "nats²/param²"


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × group × configuration at its last measured step: bias_squared and variance.

    The bias is that against the estimator's own target. An interval of bias_squared that begins at zero is an upper
    bound: the bias was not seen.
    """
    wanted = shown_groups(results.gradients, groups)
    per_seed = where(results.gradients, results.gradients["metric"].isin(["variance", "bias"]))
    both = pd.concat([where(per_seed, per_seed["metric"] == "variance"), squared(per_seed, "bias", "bias_squared")])
    found = last_moments(
        Results(both, results.training, results.final, results.runs), ["variance", "bias_squared"], wanted
    )
    require_rows(where(found, found["metric"] == "bias_squared"), "bias, for want of a reference gradient,")
    table = wide(found, ["bias_squared", "variance"], wanted)
    return table.rename(columns={"bias_squared": "value", "bias_squared_low": "ci_low", "bias_squared_high": "ci_high"})


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task and group, a point per configuration; arrows point down from upper bounds."""
    figure, panels = task_panels(page, shown)
    for place, panel in panels:
        known = where(panel, (panel["variance"] > 0) & (panel["ci_high"] > 0) & np.isfinite(panel["ci_high"]))
        if known.empty:
            say_nothing(place, "no positive finite variance")
            continue
        seen = known["ci_low"] > 0
        set_scale(place, "x", known["variance"], log=True)
        set_scale(place, "y", pd.concat([known["value"].where(seen), known["ci_high"]]), log=True)
        if not np.all(seen):
            low, high = place.get_ylim()
            place.set_ylim(low / (high / low) ** 0.25, high)
        _draw_equal_mse(place)
        for row, resolved in zip(records(known), seen, strict=True):
            style = look(row.estimator, row.variant)
            if resolved:
                draw_interval(place, where(known, [row.Index]), "variance", style)
            else:
                _draw_bound(place, where(known, [row.Index]), style)
        place.set_xlabel(metric_axis("variance", space=" "))
        place.set_ylabel(f"squared bias\n({_UNIT})" if is_leftmost(place) else "")
    equal = Line2D([], [], color="0.75", linewidth=0.5, label="equal MSE")
    legend_below(figure, [*handles(shown, line=False), equal], page)
    return figure


def _draw_bound(place: Axes, point: pd.DataFrame, style: Look) -> None:
    """Draw the upper end of an interval that begins at zero, and an arrow down from it."""
    bound = point.assign(value=point["ci_high"], ci_low=point["ci_high"])
    draw_interval(place, bound, "variance", style)
    place.annotate(
        "",
        xy=(float(point["variance"].iloc[0]), float(point["ci_high"].iloc[0])),
        xytext=(0, -12),
        textcoords="offset points",
        arrowprops={"arrowstyle": "<-", "color": style.colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
    )


def _draw_equal_mse(place: Axes) -> None:
    """Draw bias² + variance = 10ⁿ in grey, behind everything."""
    limits = place.get_xlim(), place.get_ylim()
    highest = np.log10(limits[0][1] + limits[1][1])
    lowest = np.log10(max(limits[0][0], limits[1][0]))
    every = max(1, int(np.ceil((highest - lowest) / 6)))
    for exponent in range(int(np.floor(lowest)), int(np.ceil(highest)) + 1, every):
        mse = 10.0**exponent
        share = np.concatenate([np.geomspace(1e-9, 0.5, 100), 1 - np.geomspace(0.5, 1e-9, 100)[1:]])
        place.plot(mse * share, mse * (1 - share), color="0.75", linewidth=0.5, zorder=0.5, label="_equal MSE")
    place.set(xlim=limits[0], ylim=limits[1])
    for axis in (place.xaxis, place.yaxis):
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_formatter(NullFormatter())
