"""`scaling`: bias, variance and SNR against the samples K, with fitted slopes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from matplotlib.transforms import ScaledTranslation

from bench.errors import UsageError
from bench.figures.axes import (
    bound_handle,
    draw_arrow,
    draw_interval,
    handle,
    legend_below,
    look_nested,
    room_below,
    say_nothing,
    set_scale,
    unclip_markers,
)
from bench.figures.estimates import bias_seen, declared, last_moments, shown_groups
from bench.figures.grid import blocks_grid, task_groups
from bench.figures.labels import metric_axis, panel_title
from bench.figures.legend import dagger_note, handles, looks_of
from bench.figures.page import Page
from bench.figures.palette import Looks
from bench.figures.seeds import MEASURED, bars_note, spanned
from bench.figures.slopes import FEWEST, Slope, fit
from bench.results.digits import interval
from bench.results.frames import distinct, grouped, records, where
from bench.results.tables import Results
from bench.results.verdicts import BIASES

_HEIGHT: Final = 1.45
_METRICS: Final = ("bias_evidence", "bias", "variance", "snr")


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × group × metric × estimator × K at the last measured step.

    The bias is that for log p(x) where the task has it, else that for the estimator's own target. `slope`, `slope_low`
    and `slope_high` belong to the line that a row is part of; `at_one` is where it meets K = 1. `seen` says whether a
    value differs from zero; of a bias, by a verdict that is corrected for the number of biases.

    Raises:
        UsageError: every estimator has but one K.
    """
    wanted = shown_groups(results.gradients, groups)
    found = spanned(last_moments(results, _METRICS, wanted), results.gradients, MEASURED)
    found = where(found, found["group"].isin(wanted))
    evidence = distinct(where(found, found["metric"] == "bias_evidence"), "task")
    found = where(found, (found["metric"] != "bias") | ~found["task"].isin(evidence))
    if all(len(distinct(line, "samples")) < 2 for _, line in grouped(found, "panel", "name")):
        raise UsageError(
            "scaling needs several K, but every estimator here has only one: run with `--samples 1,2,4,8,16`"
        )
    found["seen"] = found["ci_low"] > 0
    biases = where(found, found["metric"].isin(BIASES))
    found.loc[biases.index, "seen"] = bias_seen(biases)
    # A line is an estimator with its parameters, whatever its K.
    names = {key: distinct(line, "name") for key, line in grouped(found, "panel", "estimator")}
    variants = [names[row.panel, row.estimator].index(row.name) for row in records(found)]
    found = declared(found.assign(label=found["name"], variant=variants), results)
    keys = ("panel", "group", "metric", "label")
    slopes = [(*key, *(_fitted(line) or [np.nan] * 4)) for key, line in grouped(found, *keys)]
    fitted = pd.DataFrame(slopes, columns=[*keys, "slope", "slope_low", "slope_high", "at_one"])
    return found.merge(fitted, on=list(keys))


def _fitted(line: pd.DataFrame) -> Slope | None:
    seen = where(line, line["seen"])
    return fit(*(seen[column].to_numpy(float) for column in ("samples", "value", "ci_low", "ci_high")))


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a row of panels per task and group, a panel per metric, with the slopes below each."""
    groups = task_groups(shown)
    metrics = [metric for metric in _METRICS if metric in distinct(shown, "metric")]
    blocks = [
        [(task, group, metric) for metric in metrics if len(_select(shown, task, group, metric))]
        for task in groups
        for group in groups[task]
    ]
    looks, labels = looks_of(shown, page), distinct(shown, "label")
    slopes = shown.loc[shown["slope"].notna()].groupby(["panel", "group", "metric"])["label"].nunique()
    note = "; ".join([*dagger_note(shown), *_missing_slopes(shown), *bars_note(shown)])
    lines = int(slopes.max()) + 1 if len(slopes) else 0
    figure, places = blocks_grid(page, list(map(len, blocks)), labels, _HEIGHT, lines, note)
    for axes, panels in zip(places, blocks, strict=True):
        for place, (task, group, metric) in zip(axes, panels, strict=True):
            _draw_panel(place, _select(shown, task, group, metric), page, looks)
            place.set_ylabel(metric_axis(metric))
            place.set_xlabel("samples K")
            place.set_title(panel_title(task, group, groups[task]) if place is axes[0] else "", loc="left")
    entries = handles(shown.sort_values("variant", kind="stable"), page)
    if np.any(~shown["seen"] & (shown["ci_high"] > 0)):
        entries.append(bound_handle())
    legend_below(figure, entries, page, note)
    return figure


def _missing_slopes(shown: pd.DataFrame) -> list[str]:
    """Return why lines have no slope, where some have none."""
    if not np.any(shown["slope"].isna()):
        return []
    return [f"no slope with fewer than {FEWEST} K away from zero"]


def _select(shown: pd.DataFrame, task: str, group: str, metric: str) -> pd.DataFrame:
    return where(shown, (shown["panel"] == task) & (shown["group"] == group) & (shown["metric"] == metric))


def _draw_panel(place: Axes, panel: pd.DataFrame, page: Page, looks: Looks) -> None:
    known = where(panel, np.isfinite(panel["value"]) & (panel["ci_high"] > 0))
    if known.empty:
        say_nothing(place, "nothing positive")
        return
    # What is not told apart from zero stands at the upper end of its interval.
    seen = known["seen"]
    known = known.assign(value=known["value"].where(seen, known["ci_high"]))
    set_scale(place, "x", known["samples"], log=True)
    set_scale(place, "y", known["value"], log=True)
    if not np.all(seen):
        room_below(place)
    ticks = np.unique(known["samples"])
    place.set_xticks(ticks if len(ticks) <= 6 else ticks[:: -(-len(ticks) // 6)])
    place.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    place.xaxis.set_minor_formatter(NullFormatter())
    entries = []
    lines = grouped(known, "estimator", "variant")
    styles = [looks(estimator, variant) for (estimator, variant), _ in lines]
    for (_, line), style in zip(lines, look_nested([line for _, line in lines], styles, "samples"), strict=True):
        line = line.assign(ci_low=line["ci_low"].where(seen.loc[line.index], line["value"]))
        draw_interval(place, line, "samples", style)
        draw_arrow(place, where(line, ~seen.loc[line.index]), "samples", style)
        slope = line.iloc[0]
        if np.isfinite(slope["slope"]):
            ends = np.array([line["samples"].min(), line["samples"].max()], dtype=float)
            place.plot(
                ends, slope["at_one"] * ends ** slope["slope"], color=style.colour, linestyle=style.line, linewidth=0.8
            )
            entries.append(handle(style, interval(slope["slope"], slope["slope_low"], slope["slope_high"])))
    unclip_markers(place)
    if not entries:
        return
    # Below the tick labels and the axis label.
    down = ScaledTranslation(0, -(2.2 * page.small + 6) / 72, place.figure.dpi_scale_trans)
    place.legend(
        handles=entries,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=place.transAxes + down,
        title="slope [95%]",
        title_fontsize="small",
        labelspacing=0.2,
    )
