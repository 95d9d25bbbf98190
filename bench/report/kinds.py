"""The figures of a task: the rows that `bench plot` draws, and computes, with what a reader may choose among them."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from bench.errors import BenchError, ResultsError
from bench.figures import elbo, final, frontier, scaling, variance
from bench.figures.axes import decades
from bench.figures.estimates import by_name
from bench.figures.legend import dagger_note
from bench.figures.palette import Looks
from bench.figures.seeds import bars_note, is_few, lines_note, means
from bench.report.choices import METRICS_SHOWN, choices_of, looks_of, metric_axes, positive, titled
from bench.report.drawn import Axis, Choice, Drawn, rows_of, shown_as_text
from bench.report.tables import sentences
from bench.results.digits import interval
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import about
from bench.results.tables import Results

_BOUND: Final = {"shape": "arrow", "angle": 180, "size": 200}
"""The look of an upper bound."""
Frames = dict[str, pd.DataFrame | str]
"""By kind of figure the rows of all tasks, or why there are none."""


def frames_of(results: Results) -> Frames:
    """Return the rows of every kind of figure."""
    kinds: dict[str, Callable[[Results], pd.DataFrame]] = {
        "training": lambda results: variance.rows(results, metrics=METRICS_SHOWN),
        "scaling": scaling.rows,
        "frontier": frontier.rows,
        "elbo": elbo.rows,
        "final": final.rows,
    }
    found: Frames = {}
    for kind, rows in kinds.items():
        try:
            found[kind] = shown_as_text(rows(results))
        except BenchError as error:
            found[kind] = str(error)
    return found


def drawn(kind: str, rows: pd.DataFrame, looks: Looks) -> Drawn:
    """Return the figure of a task's rows.

    Raises:
        ResultsError: there is nothing in them that it could show.
    """
    return _KINDS[kind](rows, looks)


def _training(rows: pd.DataFrame, looks: Looks) -> Drawn:
    """Return metrics of the gradient against training step."""
    marks = where(rows, rows["diverged"].astype(bool))
    points = where(rows, ~rows["diverged"].astype(bool))
    columns = {"step": "step", "metric": "metric", "group": "group", "panel": "panel"}
    whole = means(points)
    mean = rows_of(whole, "mean", columns, joined=True, marked=True)
    alone = whole.groupby(["configuration", "group", "metric"])["step"].transform("size").to_numpy() == 1
    _span(mean, series(whole, "seeds"), alone)
    drawn = [
        *mean,
        *rows_of(where(points, points["seed"].notna()), "seed", columns),
        *rows_of(marks, "diverged", {"step": "step", "group": "group", "panel": "panel"}),
    ]
    steps = series(points, "step").to_numpy(float)
    return Drawn(
        "training",
        "Gradient against training step",
        sentences(["a line per estimator", *dagger_note(rows), *lines_note(points)]),
        "plane",
        drawn,
        looks_of(points, looks),
        {"step": Axis("training step", decades(steps[steps > 0]))},
        metric_axes(points),
        choices_of(points),
    )


def _scaling(rows: pd.DataFrame, looks: Looks) -> Drawn:
    """Return bias, variance and SNR against K."""
    # What is not told apart from zero is shown by the upper end of its interval, as `bench plot scaling` has it.
    columns = {"samples": "samples", "metric": "metric", "group": "group", "panel": "panel"}
    drawn = rows_of(rows, "mean", columns, joined=False, marked=True, bar=True)
    for row, one in zip(drawn, records(rows), strict=True):
        slope: Any = (one.slope, one.slope_low, one.slope_high)
        row["said"] += f"; slope of the line {interval(*slope)}" if np.isfinite(slope[0]) else ""
        if not one.seen and row["high"] is not None:
            row.update(_BOUND, value=row["high"], low=None, said=f"not above zero: {row['said']}")
        row["joined"] = bool(one.seen)
    notes = [*dagger_note(rows), *bars_note(rows), "arrows: upper limits, where zero cannot be ruled out"]
    return Drawn(
        "scaling",
        "Bias, variance and SNR against K",
        sentences(["at the last measured step", *notes]),
        "plane",
        drawn,
        looks_of(rows, looks),
        {"samples": Axis("samples K", log=True)},
        {name: axis._replace(log=True) for name, axis in metric_axes(rows).items()},
        choices_of(rows),
    )


def _frontier(rows: pd.DataFrame, looks: Looks) -> Drawn:
    """Return variance against cost, with the Pareto front."""
    costs = [cost for cost in frontier.COSTS if len(rows[cost].dropna())]
    if not costs:
        raise ResultsError("variance and time: the cost of a gradient was not measured")
    columns = {"group": "group", "panel": "panel"}
    drawn: list[dict[str, Any]] = []
    for cost in costs:
        own = {**columns, cost: cost, "x_low": f"{cost}_low", "x_high": f"{cost}_high"}
        drawn += rows_of(rows, "mean", own, joined=False, marked=True, bar=True)
        for _, panel in grouped(where(rows, rows[f"front_{cost}"].astype(bool)), "panel", "group"):
            front = panel.sort_values([cost, "value"])
            drawn += rows_of(front, "ring", {**columns, cost: cost})
            stairs = front.assign(value=np.minimum.accumulate(front["value"].to_numpy(float)), label="")
            drawn += rows_of(stairs, "front", {**columns, cost: cost})
    named = by_name(rows)
    several = len(distinct(rows, "samples")) > 1 and len(distinct(named, "label")) < len(distinct(rows, "label"))
    says = ["at the last measured step: better is further down and to the left", "ringed: the Pareto front"]
    says += ["one line in the legend per estimator and K"] if several else []
    return Drawn(
        "frontier",
        "Variance and time",
        sentences([*says, *dagger_note(rows), *bars_note(rows)]),
        "plane",
        drawn,
        looks_of(rows, looks),
        {cost: Axis(titled(cost), decades(rows[cost].dropna())) for cost in costs},
        {"": Axis(titled("variance"), decades(positive(series(rows, "value"))))},
        choices_of(rows),
    )


def _elbo(rows: pd.DataFrame, looks: Looks) -> Drawn:
    """Return the objective against step, seconds and evaluations."""
    marks = where(rows, rows["diverged"].astype(bool))
    points = where(rows, ~rows["diverged"].astype(bool))
    columns = {**{name: name for name in elbo.X}, "panel": "panel"}
    whole = means(points)
    mean = rows_of(whole, "mean", columns, joined=True, marked=False)
    _span(mean, series(whole, "seeds"), np.zeros(len(whole), bool))
    levels = where(points, points["log_evidence"].notna()).drop_duplicates("configuration")
    levels = levels.assign(value=levels["log_evidence"], ci_low=np.nan, ci_high=np.nan)
    drawn = [
        *mean,
        *rows_of(where(points, points["seed"].notna()), "seed", columns),
        *rows_of(marks, "diverged", columns),
        *rows_of(levels, "level", {"panel": "panel"}),
    ]
    ended = where(points, points["seeds"].notna())
    low, high = elbo.settled(points if ended.empty else ended)
    top = np.nanmax([high, *levels["value"].to_numpy(float)])
    says = [elbo.smoothing(rows), *dagger_note(rows), *lines_note(points, of_one="")]
    says += ["dotted: log p(x) at the end"] if len(levels) else []
    lines = {label: elbo.style(line, looks) for (label,), line in grouped(rows, "label")}
    unit = str(rows["unit"].iloc[0])
    return Drawn(
        "elbo",
        "Objective against training",
        sentences([*says, "the axis is scaled to training after its first fifth"]),
        "plane",
        drawn,
        lines,
        {name: Axis(title) for name, title in elbo.X.items() if len(points[name].dropna())},
        {"": Axis(titled("objective", unit), ends=(low, float(top)) if high > low else None)},
        choices_of(rows),
    )


def _final(rows: pd.DataFrame, looks: Looks) -> Drawn:
    """Return what training ended with."""
    whole = means(rows)
    single = where(rows, rows["seed"].notna() & (rows["cells"] > 1))
    columns = {"metric": "metric"}
    drawn = [*rows_of(whole, "mean", columns), *rows_of(single, "seed", columns)]
    notes = ["small dots: seeds"] if len(single) else []
    says = [*notes, *dagger_note(rows), *bars_note(rows, "the evaluation's", "their span")]
    units = {metric: str(of["unit"].iloc[0]) for (metric,), of in grouped(rows, "metric")}
    metrics = sorted(units, key=final.METRICS.index)
    return Drawn(
        "final",
        "Final values",
        sentences(says),
        "dots",
        drawn,
        looks_of(rows, looks),
        {"value": Axis("")},
        {metric: Axis(titled(metric, units[metric])) for metric in metrics},
        [Choice("metric", "Value", {metric: about(metric).label for metric in metrics})],
    )


def _span(rows: Sequence[dict[str, Any]], seeds: pd.Series, lone: np.ndarray) -> None:
    """Let means have a band, where they are not of two or three seeds, or a bar where they stand alone."""
    for row, few, alone in zip(rows, is_few(seeds), lone, strict=True):
        row.update(band=not few and not bool(alone), bar=bool(alone))


_KINDS: Final = {"training": _training, "scaling": _scaling, "frontier": _frontier, "elbo": _elbo, "final": _final}
KINDS: Final = tuple(_KINDS)
