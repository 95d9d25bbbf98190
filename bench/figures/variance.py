"""`variance`: the trace of the gradient's covariance against training step, per estimator and parameter group."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.figures.axes import ends, is_leftmost, legend_below, look_nested, say_nothing, set_scale, step_scale, y_scale
from bench.figures.divergence import along_own, before, divergence_handles, divergences, draw_divergences
from bench.figures.dots import Lines, draw_dots
from bench.figures.estimates import by_name, declared, faceted, moments, shown_groups
from bench.figures.grid import task_panels
from bench.figures.labels import metric_axis
from bench.figures.legend import dagger_note, handles, looks_of, sample_handles, sizes_of
from bench.figures.page import Page
from bench.figures.seeds import MEASURED, bars_note, draw_course, lines_note, means, with_few_seeds
from bench.results.frames import distinct, grouped, series, where
from bench.results.naming import configurations
from bench.results.tables import Results


def rows(results: Results, groups: Sequence[str] = (), metrics: Sequence[str] = ("variance",)) -> pd.DataFrame:
    """Return one row per task × configuration × group × step × metric, and one per seed where there are two or three.

    Where many lines are of several K, each K has a panel. Of a training that diverged there are rows until it did, and
    one with `diverged` for where; at shared parameters its moments are those of any other.
    """
    wanted = shown_groups(results.gradients, groups)
    lost = along_own(results, divergences(results))
    kept = before(results.gradients, lost)
    found = moments(replace(results, gradients=kept), metrics, wanted)
    found = with_few_seeds(found, kept, MEASURED)
    found = pd.concat([found.assign(diverged=False), *_marks(lost, found, wanted, results)], ignore_index=True)
    found = where(found, found["group"].isin(wanted)).sort_values(
        "group", key=lambda column: column.map(wanted.index), kind="stable"
    )
    found = declared(found, results)
    return found if len(distinct(found, "step")) == 1 else faceted(found)


def _marks(lost: pd.DataFrame, found: pd.DataFrame, groups: Sequence[str], results: Results) -> list[pd.DataFrame]:
    """Return rows for where trainings diverged, in a figure along training."""
    if lost.empty or len(distinct(found, "step")) == 1:
        return []
    marks = configurations(results.final).merge(lost.drop(columns="cell"), on="configuration").astype({"seed": "Int64"})
    there = {group: distinct(where(found, found["group"] == group), "panel") for group in groups}
    return [where(marks, marks["panel"].isin(there[group])).assign(group=group, diverged=True) for group in groups]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task and group: a line per configuration, or where there is one step a dot on a line."""
    return _dots(by_name(shown), page) if len(distinct(shown, "step")) == 1 else _lines(shown, page)


def _lines(shown: pd.DataFrame, page: Page) -> Figure:
    note = "; ".join([*dagger_note(shown), *lines_note(shown)])
    figure, panels = task_panels(page, shown, distinct(shown, "label"), note=note)
    looks = looks_of(shown, page)
    for place, panel, block in panels:
        step_scale(place, series(panel, "step"))
        y_scale(place, block)
        if not np.any(np.isfinite(panel["value"].to_numpy(float))):
            say_nothing(place, "not finite")
        lines = [line for _, line in grouped(panel, "estimator", "variant")]
        styles = [looks(line["estimator"].iloc[0], line["variant"].iloc[0]) for line in lines]
        nested = look_nested([means(line) for line in lines], styles, "step")
        for line, style in zip(lines, nested, strict=True):
            draw_course(place, line, "step", style, len(lines))
        draw_divergences(place, panel, "step", looks)
        place.set_xlabel("training step")
        place.set_ylabel(metric_axis("variance") if is_leftmost(place) else "")
    legend_below(figure, [*handles(shown, page), *divergence_handles(shown)], page, note)
    return figure


def _dots(shown: pd.DataFrame, page: Page) -> Figure:
    counts = sample_handles(shown, page)
    note = "; ".join([*dagger_note(shown), *bars_note(shown)])
    lines = {panel: Lines(rows) for (panel,), rows in grouped(shown, "panel")}
    height = max(of.height(page) for of in lines.values())
    labels = [str(entry.get_label()) for entry in counts]
    figure, panels = task_panels(page, shown, labels, height, note)
    for place, panel, _ in panels:
        set_scale(place, "x", ends(panel, "value", "ci_low", "ci_high"))
        names = {name: name for name in distinct(shown, "label")}
        of_panel = lines[panel["panel"].iloc[0]]
        draw_dots(place, panel, of_panel, looks_of(shown, page), sizes_of(shown, page), names)
        place.set_xlabel(metric_axis("variance", space=" "))
    legend_below(figure, counts, page, note)
    return figure
