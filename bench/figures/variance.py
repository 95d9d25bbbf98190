"""`variance`: the trace of the gradient's covariance against training step, per estimator and parameter group."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from bench.figures.axes import draw_line, handles, legend_below, set_scale, step_scale
from bench.figures.estimates import moments, shown_groups
from bench.figures.grid import task_panels
from bench.figures.labels import metric_axis
from bench.figures.page import Page
from bench.figures.palette import look
from bench.results.tables import Results


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × configuration × group × step."""
    wanted = shown_groups(results.gradients, groups)
    found = moments(results, ["variance"], wanted)
    return found.loc[found["group"].isin(wanted)].sort_values("group", key=lambda column: column.map(wanted.index), kind="stable")


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task and group, a line per configuration."""
    figure, panels = task_panels(page, shown)
    for place, panel in panels:
        for (estimator, variant), line in panel.groupby(["estimator", "variant"], sort=False):
            draw_line(place, line, "step", look(estimator, variant))
        step_scale(place, panel["step"])
        set_scale(place, "y", panel["value"])
        place.set_xlabel("training step")
        place.set_ylabel(metric_axis("variance") if place.get_subplotspec().is_first_col() else "")
    legend_below(figure, handles(shown), page)
    return figure
