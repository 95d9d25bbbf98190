"""`matrix`: estimators × tasks, variance at equal time relative to the best."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from bench.figures.estimates import last_moments, require_rows
from bench.figures.labels import number
from bench.figures.page import Page
from bench.figures.palette import group_name
from bench.results.frames import distinct, where
from bench.results.tables import Results


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × configuration × group at its last measured step: variance × seconds.

    `relative` is that divided by the least of the task and group. By default of all parameters together.
    """
    wanted = list(groups) or ["all"]
    found = last_moments(results, ["work_variance"], wanted)
    found = require_rows(where(found, found["group"].isin(wanted)), "variance at equal time (`work_variance`)")
    # A variance of zero, as of an exact gradient, has no ratio to the others.
    positive = found["value"].where((found["value"] > 0) & np.isfinite(found["value"]))
    least = positive.groupby([found["panel"], found["group"]]).transform("min")
    return found.assign(relative=positive / least)


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a heat map per parameter group; blank: not measured, or not fitting."""
    groups = distinct(shown, "group")
    labels = distinct(shown, "label")
    # A K that all tasks share stands in the title.
    shared = len(distinct(shown, "samples")) == 1
    column = "task_label" if shared else "panel"
    tasks = distinct(shown, column)
    longest = max(map(len, tasks))
    height = 0.35 + page.small / 72 * (1.7 * len(labels) + 0.42 * longest)
    figure = page.figure(len(groups), 1, height=height)
    axes = np.atleast_1d(figure.subplots(len(groups), 1))
    for place, group in zip(axes, groups, strict=True):
        table = where(shown, shown["group"] == group).pivot_table(
            index="label", columns=column, values="relative", dropna=False
        )
        _draw_map(place, table.reindex(index=labels, columns=tasks).astype(float))
        title = [group_name(group), *([f"K = {shown['samples'].iloc[0]}"] if shared else [])]
        place.set_title(", ".join(title), loc="left")
    return figure


def _draw_map(place: Axes, table: pd.DataFrame) -> None:
    worst = float(np.nanmax(table.to_numpy())) if table.notna().to_numpy().any() else 1.0
    words = table.map(lambda value: "" if np.isnan(value) else number(value) if value < 1000 else _power(value))
    sns.heatmap(
        table,
        ax=place,
        norm=LogNorm(1, max(worst, 10.0)),
        cmap=sns.light_palette("#004488", as_cmap=True),
        annot=words.to_numpy(),
        fmt="",
        annot_kws={"fontsize": "x-small"},
        linewidths=0.5,
        cbar_kws={"label": "variance × time, relative to the best", "pad": 0.02, "aspect": 25},
    )
    place.collections[0].colorbar.ax.yaxis.set_major_locator(LogLocator(numticks=6))  # pyright: ignore
    place.collections[0].colorbar.ax.yaxis.set_minor_locator(NullLocator())  # pyright: ignore
    place.set(xlabel="", ylabel="")
    place.tick_params(length=0)
    place.set_xticks(place.get_xticks(), list(table.columns), rotation=35, ha="right", rotation_mode="anchor")
    place.set_facecolor("0.96")
    for row, column in zip(*np.where(table.isna().to_numpy()), strict=True):
        place.text(column + 0.5, row + 0.5, "–", ha="center", va="center", color="0.6", fontsize="x-small")
    for text, best in zip(place.texts, (table.to_numpy()[table.notna().to_numpy()] == 1), strict=False):
        text.set_fontweight("bold" if best else "normal")


def _power(value: float) -> str:
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return rf"{mantissa}·10$^{{{int(exponent)}}}$"
