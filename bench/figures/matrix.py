"""`matrix`: estimators × tasks, variance at equal time relative to the best."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from bench.figures.axes import legend_below, note_lines
from bench.figures.estimates import comparable, last_moments, require_rows
from bench.figures.labels import number
from bench.figures.page import Page
from bench.results.declared import LEGEND
from bench.results.frames import distinct, grouped, records, where
from bench.results.metrics import METRICS, group_name
from bench.results.pivot import comparison
from bench.results.tables import Results
from bench.statistics.significance import significantly_best

_METRIC = "work_variance"


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × configuration × group at its last measured step: variance × seconds.

    `relative` is that divided by the least of the task, target and group that is not zero; `best` whether it is
    significantly less than every other of them: see `significantly_best`. Estimators that declare a bias (`biased`) are
    neither the least nor the best. By default of all parameters together.
    """
    wanted = list(groups) or ["all"]
    found = last_moments(results, [_METRIC], wanted)
    found = require_rows(where(found, found["group"].isin(wanted)), f"variance at equal time (`{_METRIC}`)")
    found = comparable(found, results)
    finite = found["value"].where(np.isfinite(found["value"]))
    # A variance of zero, as of an exact gradient, has no ratio to the others.
    least = finite.where((finite > 0) & ~found["biased"]).groupby([found["panel"], found["group"]]).transform("min")
    relative = (finite / least).where(finite != 0, 0.0)
    return found.assign(relative=relative, best=_best(found, results, wanted))


def _best(found: pd.DataFrame, results: Results, groups: Sequence[str]) -> pd.Series:
    steps = found[["configuration", "step"]].drop_duplicates()
    last = results.gradients.merge(steps, on=["configuration", "step"])
    compared = comparison(Results(last, results.training, results.final, results.runs), [_METRIC], groups)
    errors = {(row.configuration, row.group): row.se for row in records(compared)}
    best = pd.Series(False, index=found.index)
    for _, rivals in grouped(where(found, ~found["biased"]), "panel", "group"):
        se = [errors[row.configuration, row.group] for row in records(rivals)]
        counts = [row.seeds if row.seeds > 1 else 0 for row in records(rivals)]
        first = significantly_best(list(rivals["value"]), se, counts, METRICS[_METRIC].better)
        if first is not None:
            best[rivals.index[first]] = True
    return best


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a heat map per parameter group; a dash: not measured, or not fitting."""
    groups = distinct(shown, "group")
    labels = distinct(shown, "label")
    # A K that all tasks share stands in the title.
    shared = len(distinct(shown, "samples")) == 1
    column = "task_label" if shared else "panel"
    tasks = distinct(shown, column)
    longest = max(map(len, tasks))
    slanted = (longest + 2) * len(tasks) > 0.9 * page.characters - max(map(len, labels)) - 12
    height = max(1.2, 0.55 + page.small / 72 * (1.7 * len(labels) + 0.42 * longest * slanted))
    figure = page.figure(len(groups), 1, len(note_lines("", page)), height)
    axes = np.atleast_1d(figure.subplots(len(groups), 1))
    for place, group in zip(axes, groups, strict=True):
        of_group = where(shown, shown["group"] == group)
        table = of_group.pivot_table(index="label", columns=column, values="relative", dropna=False)
        best = {(row.label, getattr(row, column)) for row in records(where(of_group, of_group["best"]))}
        _draw_map(place, table.reindex(index=labels, columns=tasks).astype(float), best)
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if slanted else {"rotation": 0}
        place.set_xticks(place.get_xticks(), tasks, **turned)
        place.tick_params(axis="y", rotation=0)
        title = [group_name(group), *([f"K = {shown['samples'].iloc[0]}"] if shared else [])]
        title += [LEGEND] if np.any(of_group["biased"]) else []
        place.set_title(", ".join(title), loc="left")
    legend_below(figure, [], page)
    return figure


def _draw_map(place: Axes, table: pd.DataFrame, best: set[tuple[str, str]]) -> None:
    """Draw a table of labels × tasks; those of `best` are bold."""
    most = float(np.nanmax([10.0, *np.ravel(table)]))
    sns.heatmap(
        table,
        ax=place,
        norm=LogNorm(1, most),
        # Ignored beside a norm, but seaborn would look for them.
        vmin=1,
        vmax=most,
        cmap=sns.light_palette("#004488", as_cmap=True),
        linewidths=0.5,
        cbar_kws={"label": f"{METRICS[_METRIC].label},\nrelative to the least", "pad": 0.02, "aspect": 25},
    )
    mesh = place.collections[0]
    mesh.colorbar.ax.yaxis.set_major_locator(LogLocator(numticks=6))  # pyright: ignore[reportOptionalMemberAccess]
    mesh.colorbar.ax.yaxis.set_minor_locator(NullLocator())  # pyright: ignore[reportOptionalMemberAccess]
    place.set(xlabel="", ylabel="")
    place.tick_params(length=0)
    place.set_facecolor("0.96")
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        dark = value > 0 and _luminance(mesh.to_rgba(value)) < 0.5
        place.text(
            column + 0.5,
            row + 0.5,
            _word(value),
            ha="center",
            va="center",
            color="0.6" if np.isnan(value) else "white" if dark else "0.15",
            fontsize="x-small",
            fontweight="bold" if (table.index[row], table.columns[column]) in best else "normal",
        )


def _luminance(colour: object) -> float:
    red, green, blue = to_rgb(colour)  # pyright: ignore[reportArgumentType]
    return 0.3 * red + 0.59 * green + 0.11 * blue


def _word(value: float) -> str:
    """Return three significant digits; of large numbers one, and a power of ten."""
    if np.isnan(value):
        return "–"
    if value < 1000:
        return number(value)
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return rf"{mantissa}·10$^{{{int(exponent)}}}$"
