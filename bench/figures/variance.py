"""`variance`: the trace of the gradient's covariance against training step, per estimator and parameter group."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.figures.axes import (
    draw_line,
    handles,
    is_leftmost,
    legend_below,
    look_nested,
    say_nothing,
    step_scale,
    y_scale,
)
from bench.figures.estimates import moments, shown_groups
from bench.figures.grid import task_panels
from bench.figures.labels import metric_axis
from bench.figures.page import Page
from bench.figures.palette import Looks
from bench.results.frames import grouped, series, where
from bench.results.tables import Results


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × configuration × group × step."""
    wanted = shown_groups(results.gradients, groups)
    found = moments(results, ["variance"], wanted)
    return where(found, found["group"].isin(wanted)).sort_values(
        "group", key=lambda column: column.map(wanted.index), kind="stable"
    )


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task and group, a line per configuration."""
    figure, panels = task_panels(page, shown)
    looks = Looks(shown["estimator"])
    for place, panel in panels:
        step_scale(place, series(panel, "step"))
        y_scale(place, panel)
        if not np.any(np.isfinite(panel["value"].to_numpy(float))):
            say_nothing(place, "not finite")
        lines = grouped(panel, "estimator", "variant")
        styles = [looks(estimator, variant) for (estimator, variant), _ in lines]
        for (_, line), style in zip(lines, look_nested([line for _, line in lines], styles, "step"), strict=True):
            draw_line(place, line, "step", style, len(lines))
        place.set_xlabel("training step")
        place.set_ylabel(metric_axis("variance") if is_leftmost(place) else "")
    legend_below(figure, handles(shown), page)
    return figure
