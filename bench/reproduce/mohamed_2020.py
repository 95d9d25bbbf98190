"""Mohamed et al. (2020): variances of gradient estimators for simple costs under N(1, 1)."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.execution.plan import Request
from bench.figures.axes import draw_interval, handle, legend_below, set_scale
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import look
from bench.reproduce.estimates import estimates, number, parameter, words
from bench.reproduce.gaussian_costs import COSTS, exact_variance
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.results.frames import distinct, grouped, records, where
from bench.results.summary import Block

_ESTIMATORS: Final = ("reinforce", "reinforce-optimal", "reparam", "measure-valued")
_SPECS: Final = ("reinforce", "reinforce-optimal(pilot=1000)", "reparam", "measure-valued")
_GROUPS: Final = {"guide.loc": "μ", "guide.scale": "σ"}
_TITLES: Final = {
    "gaussian-quadratic": "(z − k)²",
    "gaussian-exponential": "exp(−k z²)",
    "gaussian-cosine": "cos k z",
}


def rows(ran: Ran) -> pd.DataFrame:
    """Return the variance by cost, k, estimator and parameter, measured and exact."""
    found = estimates(ran, ["variance"], list(_GROUPS))
    found = found.assign(k=parameter(found, "k")).sort_values("k", kind="stable")
    return found.assign(
        law=[exact_variance(row.task, row.k, row.estimator, row.group, 1.0, 1.0) for row in records(found)]
    )


def covered(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose interval holds the exact variance; those without variance hold it if it is zero."""
    slack = 1e-9 * shown["law"].abs() + 1e-12
    return where(shown, (shown["ci_low"] <= shown["law"] + slack) & (shown["law"] - slack <= shown["ci_high"]))


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return the variances by k, a table per cost and parameter, and how many intervals hold the exact variance."""
    blocks = []
    for task in COSTS:
        for group, name in _GROUPS.items():
            panel = where(shown, (shown["task"] == task) & (shown["group"] == group))
            lines = []
            for k in distinct(panel, "k"):
                line = [number(k)]
                for estimator in _ESTIMATORS:
                    [row] = records(where(panel, (panel["k"] == k) & (panel["estimator"] == estimator)))
                    line += [words(row), number(row.law)]
                lines.append(line)
            headers = ["k", *(header for name in _ESTIMATORS for header in (name, "exact"))]
            blocks.append(Block(f"Variance of the gradient in {name} of E {_TITLES[task]}", headers, lines))
    held = [[estimator, f"{len(covered(of))} of {len(of)}"] for (estimator,), of in grouped(shown, "estimator")]
    return [*blocks, Block("95% intervals that contain the exact variance", ["estimator", "intervals"], held)]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the variance against k, a panel per cost and parameter; lines are exact."""
    figure, axes = grid(page, 6, 3, [*_ESTIMATORS, "exact"], height=1.35)
    panels = [(task, group) for group in _GROUPS for task in COSTS]
    for place, (task, group) in zip(axes, panels, strict=True):
        panel = where(shown, (shown["task"] == task) & (shown["group"] == group))
        set_scale(place, "y", panel["value"], log=True)
        set_scale(place, "x", panel["k"], log=task != "gaussian-quadratic")
        fine = (np.linspace if task == "gaussian-quadratic" else np.geomspace)(panel["k"].min(), panel["k"].max(), 41)
        for estimator in _ESTIMATORS:
            style = look(estimator)
            draw_interval(place, where(panel, panel["estimator"] == estimator), "k", style)
            exact = [exact_variance(task, k, estimator, group, 1.0, 1.0) for k in fine]
            place.plot(fine, exact, color=style.colour, linewidth=0.8)
        place.set_xlabel("k" if group == "guide.scale" else "")
        place.set_title(_TITLES[task] if group == "guide.loc" else "")
        place.set_ylabel(f"variance, {_GROUPS[group]}" if task == "gaussian-quadratic" else "")
    entries = [handle(look(name), name) for name in _ESTIMATORS]
    legend_below(figure, [*entries, Line2D([], [], color="0.4", linewidth=0.8, label="exact")], page)
    return figure


def _requests(points: int, replicates: int) -> tuple[Request, ...]:
    spaced = {
        "gaussian-quadratic": np.linspace(-3, 3, points),
        "gaussian-exponential": np.geomspace(0.1, 10, points),
        "gaussian-cosine": np.geomspace(0.5, 5, points),
    }
    tasks = [f"{task}(k={float(f'{k:.3g}')})" for task, values in spaced.items() for k in values]
    return (Request(specs(*tasks), specs(*_SPECS), samples=(1,), steps=0, replicates=replicates),)


RECIPE: Final = Recipe(
    title="Variances of gradient estimators under N(1, 1)",
    source="Mohamed et al. 2020, section 3",
    settings=(
        "Paper: 100 values of k, for (z − k)² from −3 to 3, exp(−k z²) from 0.1 to 10, cos k z from 0.5 to 5.",
        "Ours: fewer values of k over the same ranges, one sample. The paper's numbers are in figures only.",
        "Exact: by quadrature, which agrees with the closed forms for the quadratic. reinforce-optimal: with the best "
        "baseline, which ours estimates from 1000 independent samples, which adds to its variance.",
    ),
    full=_requests(6, 20_000),
    quick=_requests(3, 5_000),
    shortened="three values of k for each cost, 5000 replicates instead of 20 000",
    rows=rows,
    tables=tables,
    draw=draw,
    see="No estimator is best everywhere. The score function is the worst for slow costs, the pathwise gradient for "
    "fast ones, cos 5z and exp(−10 z²), since its variance grows with the slope of the cost. Coupled measure-valued "
    "pairs are mostly below both, for two evaluations per parameter.",
)
