"""`training`: everything about one run on one page."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import UsageError
from bench.figures import elbo, final
from bench.figures.axes import draw_line, handle, legend_below, say_nothing, step_scale, y_scale
from bench.figures.estimates import moments, over_seeds, shown_groups
from bench.figures.grid import grid
from bench.figures.labels import metric_axis
from bench.figures.page import Page
from bench.figures.palette import group_look, look
from bench.figures.ticks import ticks
from bench.results.columns import TRAINING
from bench.results.digits import plus_minus
from bench.results.frames import grouped, records, series, where
from bench.results.metrics import PARTS, group_name
from bench.results.naming import configurations
from bench.results.tables import Results

_NORM: Final = "gradient_norm"
_MOMENTS: Final = ("variance", "relative_bias", "snr", "cosine")


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per panel × group × step: `metric` is objective, gradient_norm, one of the moments, or final's.

    Raises:
        UsageError: the results hold more than one configuration.
    """
    known = configurations(results.final)
    if len(known) != 1:
        raise UsageError(_choose(known))
    parts = []
    if not results.gradients.empty:
        wanted = shown_groups(results.gradients, groups)
        measured = moments(results, _MOMENTS, wanted)
        parts.append(where(measured, measured["group"].isin(wanted)))
    if not results.training.empty:
        parts.append(elbo.rows(results).assign(metric="objective", group=""))
        parts.append(_norms(results))
    if results.final.filter(list(final.METRICS)).notna().to_numpy().any():
        ends = final.rows(results)
        parts.append(where(ends, ends["seed"].isna()).assign(group="", step=results.final["steps"].max()))
    if not parts:
        raise UsageError("this run neither trained nor measured anything; `bench status` says how it ended")
    return pd.concat(parts, ignore_index=True)


def _choose(known: pd.DataFrame) -> str:
    if known.empty:
        return "there is no run in these results; `bench status` says what there is"
    lines = known["label"] + " on " + known["panel"]
    listed = ", ".join(lines[:4]) + (", ..." if len(lines) > 4 else "")
    return (
        f"training is about one run, and there are {len(lines)}: {listed}; choose with --task, --estimator and "
        f"--samples, or name the run's own folder"
    )


def _norms(results: Results) -> pd.DataFrame:
    """Return the norm of single gradient estimates, averaged over stretches of training as the objective is."""
    training = results.training
    units = {column.name: column.unit for column in TRAINING}
    width = max(training["step"].max() / elbo.STRETCHES, 1.0)
    parts = []
    for group in PARTS:
        column = f"{_NORM}_{group}"
        if np.any(training[column].notna()):
            cells = training.assign(stretch=np.ceil(training["step"] / width).astype(int))
            mean = cells.groupby(["configuration", "cell", "stretch"], as_index=False).agg(
                step=("step", "max"), value=(column, "mean")
            )
            ends = {stretch: max(of["step"]) for (stretch,), of in grouped(mean, "stretch")}
            found = over_seeds(mean.assign(ci_low=np.nan, ci_high=np.nan), ["stretch"], results)
            found["ci_low"] = found["ci_low"].clip(lower=0)
            parts.append(
                found.assign(step=series(found, "stretch").map(ends), metric=_NORM, group=group, unit=units[column])
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return six panels: objective, gradient norm and the moments along training; the final values above them."""
    first = shown.iloc[0]
    groups = [group for group in dict.fromkeys(shown["group"]) if group]
    metrics = [metric for metric in ("objective", _NORM, *_MOMENTS) if _line(shown, metric).shape[0]]
    figure, axes = grid(
        page, len(metrics), 3 if len(metrics) > 3 else len(metrics), [group_name(g) for g in groups], extra_lines=1
    )
    for place, metric in zip(axes, metrics, strict=True):
        _draw_panel(place, _line(shown, metric), metric, str(first["estimator"]))
    figure.suptitle(f"{first['panel']} · {first['label']}{_ends(shown)}", fontsize=page.small + 1)
    legend_below(figure, [handle(group_look(group), group_name(group)) for group in groups], page)
    return figure


def _line(shown: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of a metric along training; final's objective is not one of them."""
    found = where(shown, shown["metric"] == metric)
    return where(found, found["stretch"].notna()) if metric == "objective" and "stretch" in found else found


def _draw_panel(place: Axes, panel: pd.DataFrame, metric: str, estimator: str) -> None:
    if not np.isfinite(panel["value"].astype(float)).any():
        say_nothing(place, "not a finite number")
    for number, ((group,), line) in enumerate(grouped(panel, "group")):
        style = group_look(str(group)) if group else look(estimator)
        draw_line(place, line, "step", style, marked=slice(None) if metric in _MOMENTS else elbo.few_markers(number))
    if metric in _MOMENTS:
        step_scale(place, series(panel, "step"))
    else:
        place.xaxis.set_major_locator(ticks(4, integer=True))
    # These two are at home near zero.
    y_scale(place, panel, log=False if metric in ("relative_bias", "cosine") else None)
    place.set_xlabel("training step")
    of = str(panel["objective_of"].iloc[0]) if metric == "objective" else "target"
    place.set_ylabel(f"{'' if of == 'target' else f'{of} '}{metric_axis(metric, str(panel['unit'].iloc[0]))}")


def _ends(shown: pd.DataFrame) -> str:
    """Return the final values, in a second line."""
    if "seed" not in shown:
        return ""
    ends = where(shown, shown["metric"].isin(final.METRICS) & shown["done"].notna())
    ends = ends.sort_values("metric", key=lambda column: column.map(final.METRICS.index))
    words = [f"{metric_axis(row.metric, '1')} {plus_minus(row.value, row.value - row.ci_low)}" for row in records(ends)]
    return "\n" + " · ".join(words) if words else ""
