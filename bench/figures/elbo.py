"""`elbo`: the training objective against step, seconds and evaluations."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import ResultsError
from bench.figures.axes import decades, draw_line, handles, is_leftmost, legend_below, say_nothing, set_scale
from bench.figures.estimates import over_seeds
from bench.figures.grid import grid
from bench.figures.labels import metric_axis
from bench.figures.page import Page
from bench.figures.palette import Looks
from bench.figures.ticks import ticks
from bench.results.frames import distinct, grouped, series, where
from bench.results.pivot import evaluations_per_gradient
from bench.results.tables import Results
from bench.statistics.quantiles import NORMAL

STRETCHES: Final = 25
_MARKED: Final = 5
"""Stretches of training from marker to marker."""
_X: Final = {"step": "training step", "seconds": "training time (s)", "evaluations": "evaluations per datapoint"}


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × configuration × stretch of training, at most 25 stretches.

    `value` is the mean of the objective's estimates in the stretch, over seeds where there are several; `step`,
    `seconds` and `evaluations` are those at its end. The objective is the estimator's own target, with its own K;
    `objective_of` and the label say where it is not.

    Raises:
        ResultsError: nothing was trained.
    """
    training = results.training
    if training.empty:
        raise ResultsError("nothing was trained in these results: run without `--no-train`")
    longest = {key: max(of["step"]) for (key,), of in grouped(training, "configuration")}
    length = series(training, "configuration").map(longest) / STRETCHES
    cells = training.assign(stretch=np.ceil(training["step"] / length.clip(lower=1)).astype(int))
    cells["squared_se"] = cells["objective_se"] ** 2
    mean = cells.groupby(["configuration", "cell", "stretch"], sort=False, as_index=False).agg(
        step=("step", "max"),
        seconds=("seconds", "max"),
        value=("objective", _mean),
        squared_se=("squared_se", "sum"),
        objective_of=("objective_of", "first"),
        count=("objective", "size"),
        known=("squared_se", "count"),
    )
    se = np.sqrt(series(mean, "squared_se").where(mean["known"] == mean["count"])) / mean["count"]
    mean = mean.assign(ci_low=mean["value"] - NORMAL * se, ci_high=mean["value"] + NORMAL * se)
    found = over_seeds(mean, ["stretch"], results)
    ends = mean.groupby(["configuration", "stretch"], as_index=False).agg(
        step=("step", "max"), seconds=("seconds", "mean")
    )
    found = found.merge(ends, on=["configuration", "stretch"])
    # Who diverged has no unit, but the task has.
    units = {key: str(of["unit"].iloc[0]) for (key,), of in grouped(results.final.dropna(subset=["unit"]), "task")}
    cost = evaluations_per_gradient(results)
    of = dict(mean[["configuration", "objective_of"]].itertuples(index=False))
    found["objective_of"] = series(found, "configuration").map(of)
    found["label"] += np.where(found["objective_of"] == "target", "", " (" + found["objective_of"] + " objective)")
    return found.assign(
        unit=[units.get(task, "1") for task in found["task"]],
        evaluations=series(found, "configuration").map(cost) * found["step"],
    )


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return three panels per task, a line per configuration."""
    tasks, looks = distinct(shown, "panel"), Looks(shown["estimator"])
    figure, axes = grid(page, len(_X) * len(tasks), len(_X), distinct(shown, "label"))
    for number, task in enumerate(tasks):
        of_task = where(shown, shown["panel"] == task)
        for place, x in zip(axes[number * len(_X) :], _X, strict=False):
            _draw_panel(place, of_task, x, looks)
            place.set_xlabel(_X[x])
            first = is_leftmost(place)
            place.set_ylabel(metric_axis("objective", str(of_task["unit"].iloc[0])) if first else "")
            place.set_title(task if x == "step" else "", loc="left")
    legend_below(figure, handles(shown), page)
    return figure


def _draw_panel(place: Axes, of_task: pd.DataFrame, x: str, looks: Looks) -> None:
    known = where(of_task, np.isfinite(of_task["value"].to_numpy(float)) & of_task[x].notna())
    if known.empty:
        say_nothing(place, "not finite" if of_task[x].notna().to_numpy().any() else f"{x} unknown")
        return
    lines = grouped(known, "estimator", "variant")
    for order, ((estimator, variant), line) in enumerate(lines):
        draw_line(place, line, x, looks(estimator, variant), len(lines), few_markers(order))
    _scale(place, known, x)


def few_markers(number: int) -> slice:
    """Return which stretches of the `number`-th line have a marker: few, and not those of the next line."""
    return slice(1 + 2 * number % _MARKED, None, _MARKED)


def _scale(place: Axes, known: pd.DataFrame, x: str) -> None:
    """Show what training converges to: where the objective starts by far below, its first fifth is cut.

    Where some trainings cost many times what others do, their cost is logarithmic.
    """
    ends = np.array([line[x].max() for _, line in grouped(known, "configuration")], dtype=float)
    if x == "step" or not set_scale(place, "x", known.loc[known[x] > 0.05 * ends.min(), x], log=decades(ends)):
        place.xaxis.set_major_locator(ticks(4))
    place.yaxis.set_major_locator(ticks(5))
    later = known.loc[known["stretch"] > 0.2 * known["stretch"].max(), "value"]
    if len(later) > 1 and later.max() > later.min():
        margin = 0.08 * (later.max() - later.min())
        place.set_ylim(later.min() - margin, later.max() + margin)


def _mean(values: pd.Series) -> float:
    """Return a mean that is NaN where a value is, since a diverged training has no mean."""
    return float(np.mean(values.to_numpy(float)))
