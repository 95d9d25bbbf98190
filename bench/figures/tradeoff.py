"""`tradeoff`: squared bias against variance, with lines of equal mean squared error."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import expit

from bench.figures.axes import (
    bound_handle,
    draw_arrow,
    draw_interval,
    ends,
    is_leftmost,
    legend_below,
    room_below,
    say_nothing,
    set_scale,
    unclip_markers,
)
from bench.figures.estimates import bias_seen, by_name, declared, last_moments, require_rows, shown_groups, wide
from bench.figures.grid import task_panels
from bench.figures.labels import metric_axis
from bench.figures.legend import dagger_note, handles, looks_of, sample_handles, sizes_of
from bench.figures.page import Page
from bench.figures.seeds import MEASURED, bars_note, spanned
from bench.results.frames import grouped, where
from bench.results.metrics import METRICS
from bench.results.tables import Results


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × group × configuration at its last measured step: squared bias (`value`) and variance.

    The bias is that against the estimator's own target. Where it was not `seen`, by a verdict corrected for the number
    of rows, the upper end of the interval is an upper bound.
    """
    wanted = shown_groups(results.gradients, groups)
    found = spanned(last_moments(results, ["bias", "variance"], wanted), results.gradients, MEASURED)
    require_rows(where(found, found["metric"] == "bias"), "bias, for lack of a reference gradient,")
    table = declared(wide(found, ["bias", "variance"], wanted), results)
    squares = ["bias", "bias_low", "bias_high"]
    biases = dict(zip(squares, ["value", "ci_low", "ci_high"], strict=True))
    table["seen"] = bias_seen(table.rename(columns=biases))
    return table.assign(**{name: table[name] ** 2 for name in squares}).rename(columns=biases)


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task and group, a point per configuration; arrows point down from upper bounds."""
    sizes, looks, named = sizes_of(shown, page), looks_of(shown, page), by_name(shown)
    equal = Line2D([], [], color="0.75", linewidth=0.5, label="equal MSE")
    bound = [bound_handle()] if not np.all(shown["seen"]) else []
    entries = [*handles(named, page, False, "variance"), *sample_handles(shown, page), equal, *bound]
    note = "; ".join([*dagger_note(shown), *bars_note(shown)])
    figure, panels = task_panels(page, named, [str(entry.get_label()) for entry in entries], note=note)
    for place, panel, _ in panels:
        known = where(panel, (panel["variance"] > 0) & (panel["ci_high"] > 0) & np.isfinite(panel["ci_high"]))
        if known.empty:
            say_nothing(place, "no positive finite variance")
            continue
        seen = known["seen"]
        set_scale(place, "x", ends(known, "variance", "variance_low", "variance_high"), log=True)
        set_scale(place, "y", pd.concat([known["value"].where(seen), known["ci_high"]]), log=True)
        if not np.all(seen):
            room_below(place)
        _draw_equal_mse(place)
        # A bias that was not seen stands at its upper bound.
        known = known.assign(value=known["value"].where(seen, known["ci_high"]))
        known["ci_low"] = known["ci_low"].where(seen, known["value"])
        for (estimator, variant, samples), points in grouped(known, "estimator", "variant", "samples"):
            style = sizes[samples].of(looks(estimator, variant))
            draw_interval(place, points, "variance", style)
            draw_arrow(place, where(points, ~seen.loc[points.index]), "variance", style)
        unclip_markers(place)
        place.set_xlabel(metric_axis("variance", space=" "))
        place.set_ylabel(metric_axis("squared bias", METRICS["mse"].unit) if is_leftmost(place) else "")
    legend_below(figure, entries, page, note)
    return figure


def _draw_equal_mse(place: Axes) -> None:
    """Draw bias² + variance = 10ⁿ in grey, behind everything; more lines where there is less than a decade or two."""
    limits = place.get_xlim(), place.get_ylim()
    highest = np.log10(limits[0][1] + limits[1][1])
    lowest = np.log10(max(limits[0][0], limits[1][0]))
    every = max(1, int(np.ceil((highest - lowest) / 6)))
    leading = (1, 2, 5) if highest - lowest < 2 else (1,)
    share = expit(np.concatenate([np.linspace(-20, -4, 17), np.linspace(-3.9, 3.9, 79), np.linspace(4, 20, 17)]))
    for exponent in range(int(np.floor(lowest)), int(np.ceil(highest)) + 1, every):
        for mse in np.multiply(leading, 10.0**exponent):
            place.plot(mse * share, mse * (1 - share), color="0.75", linewidth=0.5, zorder=0.5, label="_equal MSE")
    place.set(xlim=limits[0], ylim=limits[1])
