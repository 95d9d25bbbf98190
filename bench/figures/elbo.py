"""`elbo`: the training objective against step, seconds and evaluations."""

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.errors import ResultsError
from bench.figures.axes import decades, is_leftmost, legend_below, say_nothing, set_scale
from bench.figures.divergence import before, divergence_handles, divergences, draw_divergences
from bench.figures.estimates import declared, faceted, over_seeds
from bench.figures.grid import blocks_grid
from bench.figures.labels import metric_axis
from bench.figures.legend import dagger_note, handles, looks_of
from bench.figures.page import Page
from bench.figures.palette import LINES, Look, Looks
from bench.figures.seeds import draw_course, lines_note, with_few_seeds
from bench.figures.ticks import ticks
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.naming import configurations
from bench.results.pivot import evaluations_per_gradient
from bench.results.reaching import STRETCHES
from bench.results.tables import Results

_MARKED: Final = 5
"""Stretches of training from marker to marker."""
X: Final = {"step": "training step", "seconds": "training time (s)", "evaluations": "evaluations per datapoint"}
_OTHERS: Final = LINES[1]
_ELBOS: Final = ("elbo", "expectation", "")
"""Targets that have a solid line, the last where nothing was measured that would name it."""


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × configuration × stretch of training, at most 25 stretches.

    `value` is the mean of the objective's estimates in the stretch of `window` steps, over seeds where there are
    several; with two or three a row per seed follows. `step`, `seconds` and `evaluations` are those at its end. The
    objective is that of the estimator's own target, `aim`, with its own K; the label names it where there are several.
    `log_evidence` is log p(x) at the end, where it is known. Of a training that diverged there are rows of its seed
    until it did, and one with `diverged` for where.

    Raises:
        ResultsError: nothing was trained.
    """
    if results.training.empty:
        raise ResultsError("nothing was trained in these results: run without `--no-train`")
    lost = divergences(results)
    single = _stretches(before(results.training, lost))
    kept = where(single, ~single["cell"].isin(lost["cell"]))
    found = with_few_seeds(over_seeds(kept, ["stretch"], results), kept, ["stretch"])
    of_lost = over_seeds(where(single, single["cell"].isin(lost["cell"])), ["stretch", "seed"], results)
    of_lost = of_lost.assign(seeds=np.nan)
    ends = single.groupby(["configuration", "stretch"], as_index=False).agg(
        step=("step", "max"), seconds=("seconds", "mean"), window=("window", "first")
    )
    found = pd.concat([found, of_lost], ignore_index=True).merge(ends, on=["configuration", "stretch"])
    marks = configurations(results.final).merge(lost.drop(columns="cell"), on="configuration")
    found = pd.concat([found.assign(diverged=False), marks.assign(diverged=True)], ignore_index=True)
    order = {name: place for place, name in enumerate(configurations(results.final)["configuration"])}
    found = found.sort_values("configuration", key=lambda column: column.map(order), kind="stable", ignore_index=True)
    numbers = ("stretch", "step", "seconds", "value", "ci_low", "ci_high", "seeds", "window")
    return _described(found.astype({"seed": "Int64", **dict.fromkeys(numbers, float)}), results)


def stretched(training: pd.DataFrame) -> pd.DataFrame:
    """Return rows of training with the `stretch` that each is in, and the `window` of steps that this has."""
    longest = {key: max(of["step"]) for (key,), of in grouped(training, "configuration")}
    length = (series(training, "configuration").map(longest).astype(float) / STRETCHES).clip(lower=1)
    return training.assign(stretch=np.ceil(training["step"] / length).astype(int), window=length)


def _stretches(training: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over each cell's stretches of training, whose noise says nothing of how far seeds differ."""
    mean = stretched(training).groupby(["configuration", "cell", "seed", "stretch"], sort=False, as_index=False)
    found = mean.agg(
        step=("step", "max"), seconds=("seconds", "max"), value=("objective", "mean"), window=("window", "first")
    )
    return found.assign(ci_low=np.nan, ci_high=np.nan)


def _described(found: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the rows with target, unit, cost and log p(x), each K in a panel where there are many lines."""
    final, gradients = results.final, results.gradients
    # Who diverged has no unit, but the task has.
    units = {key: str(of["unit"].iloc[0]) for (key,), of in grouped(final.dropna(subset=["unit"]), "task")}
    of = dict(results.training[["configuration", "objective_of"]].itertuples(index=False))
    measured = where(gradients, gradients["metric"] == "variance")
    target = dict(measured[["configuration", "target"]].itertuples(index=False))
    # With β, the objective is not a bound on log p(x).
    plain = where(final, final["objective"].isna())
    evidence = {name: np.mean(of["log_evidence"]) for (name,), of in grouped(plain, "configuration")}
    key = series(found, "configuration")
    relaxed = key.map(of) == "relaxed"
    found = declared(found, results).assign(
        objective_of=key.map(of),
        aim=key.map(target).fillna("").mask(relaxed, "relaxed objective"),
        unit=[units.get(task, "1") for task in found["task"]],
        evaluations=key.map(evaluations_per_gradient(results)) * found["step"],
        log_evidence=key.map(evidence).mask(relaxed),
    )
    found = faceted(found)
    aims = {task: len(distinct(of, "aim")) for (task,), of in grouped(found, "task")}
    several = np.array([aims[task] > 1 for task in found["task"]])
    named = (several & ~found["aim"].isin(_ELBOS)) | (found["aim"] == "relaxed objective")
    return found.assign(label=found["label"] + np.where(named, " (" + found["aim"] + ")", ""))


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return three panels per task, a line per configuration; dashed where the target is not the ELBO."""
    panels, looks = distinct(shown, "panel"), looks_of(shown, page)
    entries = [*handles(shown, page), *divergence_handles(shown), *_evidence_handles(shown)]
    entries = [_dashed(entry, shown) for entry in entries]
    note = "; ".join(filter(None, [smoothing(shown), *dagger_note(shown), *lines_note(shown, of_one="")]))
    labels = [str(entry.get_label()) for entry in entries]
    figure, places = blocks_grid(page, [len(X)] * len(panels), labels, note=note)
    for axes, task in zip(places, panels, strict=True):
        of_task = where(shown, shown["panel"] == task)
        axes[0].set_title(task, loc="left")
        for place, x in zip(axes, X, strict=True):
            _draw_panel(place, of_task, x, looks)
            place.set_xlabel(X[x])
            place.set_ylabel(metric_axis("objective", str(of_task["unit"].iloc[0])) if is_leftmost(place) else "")
    legend_below(figure, entries, page, note)
    return figure


def smoothing(shown: pd.DataFrame) -> str:
    """Return over how many steps a point is the mean."""
    windows = shown["window"].dropna().to_numpy(float)
    low, high = round(float(np.min(windows))), round(float(np.max(windows)))
    if high <= 1:
        return "every step"
    return f"means over {low} steps" if low == high else f"means over {low} to {high} steps"


def style(line: pd.DataFrame, looks: Looks) -> Look:
    """Return the look of a line: dashed where the target is not the ELBO."""
    first = line.iloc[0]
    own = looks(first["estimator"], first["variant"])
    return own if first["aim"] in _ELBOS else own._replace(line=_OTHERS)


def _draw_panel(place: Axes, of_task: pd.DataFrame, x: str, looks: Looks) -> None:
    known = where(of_task, np.isfinite(of_task["value"].to_numpy(float)) & of_task[x].notna())
    if known.empty:
        say_nothing(place, "not finite" if of_task[x].notna().to_numpy().any() else f"{x} unknown")
        return
    lines = grouped(known, "estimator", "variant")
    for order, (_, line) in enumerate(lines):
        draw_course(place, line, x, style(line, looks), len(lines), few_markers(order))
    _scale(place, known, x)
    draw_evidence(place, known, looks)
    draw_divergences(place, of_task, x, looks)


def draw_evidence(place: Axes, known: pd.DataFrame, looks: Looks) -> None:
    """Draw log p(x) at the end of each configuration's training, where it is known, and make room for it."""
    levels = where(known, known["log_evidence"].notna()).drop_duplicates("configuration")
    for row in records(levels):
        colour = looks(row.estimator).colour
        place.axhline(row.log_evidence, color=colour, linestyle=":", linewidth=0.8, zorder=1, label="_log p(x)")
    if len(levels):
        low, high = place.get_ylim()
        values = levels["log_evidence"].to_numpy(float)
        top = max(high, float(np.max(values)))
        place.set_ylim(min(low, float(np.min(values))), top + 0.05 * (top - low) * (top > high))


def evidence_handle() -> Line2D:
    """Return what stands for the lines at log p(x) in a legend."""
    return Line2D([], [], color="0.3", linestyle=":", linewidth=0.8, label="log p(x) at the end")


def _evidence_handles(shown: pd.DataFrame) -> list[Line2D]:
    return [evidence_handle()] if shown["log_evidence"].notna().to_numpy().any() else []


def _dashed(entry: Line2D, shown: pd.DataFrame) -> Line2D:
    """Return a legend's entry with the line that its target has."""
    aims = distinct(where(shown, shown["label"] == entry.get_label()), "aim")
    if aims and aims[0] not in _ELBOS:
        entry.set_linestyle(cast("Any", _OTHERS))
    return entry


def few_markers(number: int) -> slice:
    """Return which stretches of the `number`-th line have a marker: few, and not those of the next line."""
    return slice(1 + 2 * number % _MARKED, None, _MARKED)


def _scale(place: Axes, known: pd.DataFrame, x: str) -> None:
    """Show what training converges to: where the objective starts by far below, its first fifth is cut.

    Where some trainings cost many times what others do, their cost is logarithmic. The axes are those of trainings that
    ended, if there are any.
    """
    ended = where(known, known["seeds"].notna())
    known = known if ended.empty else ended
    ends = np.array([line[x].max() for _, line in grouped(known, "configuration")], dtype=float)
    if x == "step" or not set_scale(place, "x", known.loc[known[x] > 0.05 * ends.min(), x], log=decades(ends)):
        place.xaxis.set_major_locator(ticks(4))
    place.yaxis.set_major_locator(ticks(5))
    low, high = settled(known)
    if high > low:
        place.set_ylim(low, high)


def settled(known: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of what is shown after the first fifth, with a margin; equal where nothing is."""
    later = where(known, known["stretch"] > 0.2 * known["stretch"].max())
    reach = later[["value", "ci_low", "ci_high"]].to_numpy(float)
    low, high = (float(end(reach)) if np.isfinite(reach).any() else 0.0 for end in (np.nanmin, np.nanmax))
    margin = 0.08 * (high - low)
    return low - margin, high + margin
