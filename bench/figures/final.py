"""`final`: what training ended with, a dot per seed and the mean with its interval."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import ResultsError
from bench.figures.axes import is_leftmost
from bench.figures.estimates import over_seeds
from bench.figures.grid import grid
from bench.figures.labels import metric_axis
from bench.figures.page import Page
from bench.figures.palette import Looks
from bench.figures.ticks import ticks
from bench.results.frames import distinct, records, where
from bench.results.over_seeds import final_values
from bench.results.tables import Results

METRICS: Final = ("objective", "train_elbo", "test_elbo", "test_log_likelihood")


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × metric × configuration, and one per seed, whose `seed` is not missing.

    `done` of `cells` seeds ended; the mean is over those that have the metric.

    Raises:
        ResultsError: no training ended.
    """
    final = results.final
    values = final_values(final, METRICS)
    if values.empty:
        raise ResultsError("no training has ended in these results; `bench status` says how the cells ended")
    means = over_seeds(values, ["metric", "unit"], results)
    single = means.drop(columns=["value", "ci_low", "ci_high", "seeds"]).merge(
        values[["configuration", "metric", "seed", "value"]], on=["configuration", "metric"]
    )
    counts = final.groupby("configuration", as_index=False).agg(
        done=("status", lambda status: int((status == "done").sum())), cells=("status", "size")
    )
    found = pd.concat([means.assign(seed=pd.NA), single], ignore_index=True).merge(counts, on="configuration")
    return found.astype({"seed": "Int64"})


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task and metric, a line of it per configuration."""
    panels = list(dict.fromkeys(zip(shown["panel"], shown["metric"], strict=True)))
    panels.sort(key=lambda panel: (distinct(shown, "panel").index(panel[0]), METRICS.index(panel[1])))
    tasks = list(dict.fromkeys(task for task, _ in panels))
    beside = max(sum(task == panel[0] for panel in panels) for task in tasks)
    beside = beside if all(sum(task == panel[0] for panel in panels) == beside for task in tasks) else 1
    most = max(shown.loc[shown["panel"] == task, "label"].nunique() for task in tasks)
    height = 0.75 + (page.small / 72 * 1.8) * most
    figure, axes = grid(page, len(panels), beside, height=height)
    looks = Looks(shown["estimator"])
    for place, (task, metric) in zip(axes, panels, strict=True):
        panel = where(shown, (shown["panel"] == task) & (shown["metric"] == metric))
        _draw_panel(place, panel, metric, where(shown, shown["panel"] == task), looks)
        first = metric == next(of_metric for of_task, of_metric in panels if of_task == task)
        place.set_title(task if first else "", loc="left")
    return figure


def _draw_panel(place: Axes, panel: pd.DataFrame, metric: str, of_task: pd.DataFrame, looks: Looks) -> None:
    lines = of_task.drop_duplicates("label").reset_index(drop=True)
    position = dict(zip(lines["label"], lines.index, strict=True))
    ends = where(panel, panel["seed"].isna())
    known = np.isfinite(ends["value"].astype(float))
    means = where(ends, known)
    seeds = where(panel, panel["seed"].notna() & (panel["cells"] > 1) & np.isfinite(panel["value"].astype(float)))
    if not seeds.empty:
        sns.scatterplot(
            x=seeds["value"],
            y=np.array([position[label] for label in seeds["label"]]) + 0.28,
            ax=place,
            color="0.55",
            s=5,
            linewidth=0,
            legend=False,
        )
    for row in records(means):
        style = looks(row.estimator, row.variant)
        half = np.nan_to_num([[row.value - row.ci_low], [row.ci_high - row.value]])
        place.errorbar(
            row.value,
            position[row.label],
            xerr=half,
            color=style.colour,
            elinewidth=1.0,
            linestyle="none",
            **style.markers,
        )
    for row in records(where(ends, ~known)):
        place.text(
            0.5,
            position[row.label],
            "not finite",
            transform=place.get_yaxis_transform(),
            ha="center",
            va="center",
            color="0.4",
            fontsize="small",
        )
    first = is_leftmost(place)
    place.set_yticks(lines.index, [_label(row) for row in records(lines)] if first else [""] * len(lines))
    place.set_ylim(len(lines) - 0.4, -0.6)
    place.tick_params(axis="y", length=0)
    place.xaxis.set_major_locator(ticks(4))
    place.grid(axis="y", linewidth=0.3, color="0.88")
    place.set_axisbelow(True)
    place.set(xlabel=metric_axis(metric, str(panel["unit"].iloc[0])), ylabel="")


def _label(row: object) -> str:
    lost = row.cells - row.done  # pyright: ignore[reportAttributeAccessIssue]
    return f"{row.label} ({lost} of {row.cells} lost)" if lost else row.label  # pyright: ignore[reportAttributeAccessIssue]
