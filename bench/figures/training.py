"""`training`: everything about one run on one page, and a page for each."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import UsageError
from bench.figures import elbo, final
from bench.figures.axes import handle, legend_below, say_nothing, step_scale, y_scale
from bench.figures.divergence import divergence_handles, draw_divergences, whole
from bench.figures.estimates import moments, over_seeds, shown_groups
from bench.figures.grid import grid
from bench.figures.labels import metric_axis
from bench.figures.page import Crowded, Page
from bench.figures.palette import Looks, group_look
from bench.figures.seeds import MEASURED, draw_course, lines_note, with_few_seeds
from bench.figures.ticks import ticks
from bench.results.columns import TRAINING
from bench.results.digits import plus_minus
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import PARTS, group_name
from bench.results.naming import configurations
from bench.results.tables import Results

_NORM: Final = "gradient_norm"
_MOMENTS: Final = ("variance", "relative_bias", "snr", "cosine")


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per run × panel × group × step: `metric` is objective, gradient_norm, a moment, or final's.

    A run is a configuration, over its seeds.

    Raises:
        UsageError: nothing was trained or measured.
    """
    parts, kept = [], whole(results)
    if not kept.gradients.empty:
        wanted = shown_groups(kept.gradients, groups)
        measured = with_few_seeds(moments(kept, _MOMENTS, wanted), kept.gradients, MEASURED)
        parts.append(where(measured, measured["group"].isin(wanted)))
    if not results.training.empty:
        # In a figure of one run there is nothing to be told apart.
        names = configurations(results.final)[["configuration", "panel", "label", "variant"]]
        course = elbo.rows(results).drop(columns=["panel", "label", "variant"]).merge(names, on="configuration")
        parts.append(course.assign(metric="objective", group=""))
        parts.append(_norms(kept))
    if results.final.filter(list(final.METRICS)).notna().to_numpy().any():
        ends = final.means(results).assign(group="", at_end=True)
        steps = {name: max(of["steps"]) for (name,), of in grouped(results.final, "configuration")}
        parts.append(ends.assign(step=series(ends, "configuration").map(steps)))
    if not parts:
        raise UsageError("no run has trained or measured anything in these results; `bench status` says how they ended")
    found = pd.concat(parts, ignore_index=True).astype({"step": float, "value": float})
    order = {name: place for place, name in enumerate(configurations(results.final)["configuration"])}
    return found.sort_values("configuration", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def _norms(results: Results) -> pd.DataFrame:
    """Return the norm of single gradient estimates, averaged over stretches of training as the objective is."""
    training = elbo.stretched(results.training)
    units = {column.name: column.unit for column in TRAINING}
    parts = []
    for group in PARTS:
        column = f"{_NORM}_{group}"
        known = where(training, training[column].notna())
        if len(known):
            mean = known.groupby(["configuration", "cell", "seed", "stretch"], as_index=False).agg(
                step=("step", "max"), value=(column, "mean")
            )
            mean = mean.assign(ci_low=np.nan, ci_high=np.nan)
            ends = mean.groupby(["configuration", "stretch"], as_index=False).agg(step=("step", "max"))
            found = with_few_seeds(over_seeds(mean, ["stretch"], results), mean, ["stretch"])
            found["ci_low"] = found["ci_low"].clip(lower=0)
            found = found.merge(ends, on=["configuration", "stretch"])
            parts.append(found.assign(metric=_NORM, group=group, unit=units[column]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return six panels: objective, gradient norm and the moments along training; the final values above them.

    Raises:
        Crowded: the rows are of several runs, each of which has a page.
    """
    if len(distinct(shown, "configuration")) > 1:
        raise Crowded("each run has a page: `bench.figures.pages` returns them")
    first = shown.iloc[0]
    groups = [group for group in dict.fromkeys(shown["group"]) if group]
    metrics = [metric for metric in ("objective", _NORM, *_MOMENTS) if _line(shown, metric).shape[0]]
    entries = [handle(group_look(group), group_name(group)) for group in groups]
    objective = _line(shown, "objective")
    if len(objective):
        known = objective["log_evidence"].notna().to_numpy().any()
        entries += [*divergence_handles(objective), *([elbo.evidence_handle()] if known else [])]
    note = "; ".join(_notes(shown, objective))
    labels = [str(entry.get_label()) for entry in entries]
    beside = 3 if len(metrics) > 3 else len(metrics)
    figure, axes = grid(page, len(metrics), beside, labels, extra_lines=1, note=note)
    for place, metric in zip(axes, metrics, strict=True):
        _draw_panel(place, _line(shown, metric), metric, str(first["estimator"]))
    figure.suptitle(f"{first['panel']} · {first['label']}{_ends(shown)}", fontsize=page.small + 1)
    legend_below(figure, entries, page, note)
    return figure


def _notes(shown: pd.DataFrame, objective: pd.DataFrame) -> list[str]:
    smoothed = [f"objective and norm: {elbo.smoothing(objective)}"] if len(objective) else []
    return [*smoothed, *lines_note(where(shown, shown["at_end"].isna()) if "at_end" in shown else shown)]


def _line(shown: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of a metric along training; final's objective is not one of them."""
    found = where(shown, shown["metric"] == metric)
    return where(found, found["at_end"].isna()) if "at_end" in found else found


def _draw_panel(place: Axes, panel: pd.DataFrame, metric: str, estimator: str) -> None:
    if not np.isfinite(panel["value"].astype(float)).any():
        say_nothing(place, "not a finite number")
    moment, looks = metric in _MOMENTS, Looks([estimator])
    if moment:
        step_scale(place, series(panel, "step"))
    else:
        place.xaxis.set_major_locator(ticks(4, integer=True))
    # These two are at home near zero.
    y_scale(place, panel, log=False if metric in ("relative_bias", "cosine") else None)
    for number, ((group,), line) in enumerate(grouped(panel, "group")):
        style = group_look(str(group)) if group else looks(estimator)
        drawn = where(line, line["diverged"].isin([False])) if metric == "objective" else line
        draw_course(place, drawn, "step", style, marked=slice(None) if moment else elbo.few_markers(number))
    if metric == "objective":
        elbo.draw_evidence(place, panel, looks)
        draw_divergences(place, panel, "step", looks)
    place.set_xlabel("training step")
    of = str(panel["objective_of"].iloc[0]) if metric == "objective" else "target"
    place.set_ylabel(f"{'' if of == 'target' else f'{of} '}{metric_axis(metric, str(panel['unit'].iloc[0]))}")


def _ends(shown: pd.DataFrame) -> str:
    """Return the final values, in a second line."""
    if "at_end" not in shown:
        return ""
    ends = where(shown, shown["at_end"].notna())
    ends = ends.sort_values("metric", key=lambda column: column.map(final.METRICS.index))
    words = [f"{metric_axis(row.metric, '1')} {plus_minus(row.value, row.value - row.ci_low)}" for row in records(ends)]
    return "\n" + " · ".join(words) if words else ""
