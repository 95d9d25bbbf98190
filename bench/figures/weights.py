"""`weights`: importance weights against log weights, the lecture's example.

Where a guide and a posterior hardly overlap, a few weights carry the sum, while their logarithms are tame: why one
averages log weights (the ELBO), and what that costs (a bias that K-sample bounds give back slowly).
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from bench.figures.axes import legend_below
from bench.figures.grid import grid
from bench.figures.labels import metric_axis
from bench.figures.own_task import parameters_of
from bench.figures.page import Page
from bench.machine.streams import seeded
from bench.names.registry import TASKS
from bench.names.spec import parse_spec
from bench.results.frames import where
from bench.results.tables import Results
from estimators.base import evaluate
from estimators.draw import Detached

_TASK: Final = "lecture-weights"
_DRAWS: Final = 2**15
_SHOWN: Final = 300
_SAMPLES: Final = tuple(2**power for power in range(9))
_INK: Final = {"weight": "#D55E00", "log weight": "#004488"}


def rows(results: Results | None = None, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return draws and bounds of the task with the parameters that it has in the results; its own by default.

    One row per drawn weight (`kind` draw: number, weight, log_weight), one per K (`kind` bound: samples, and the mean
    of log (1/K) Σ w with the 5% and 95% quantiles of a single estimate), and one with the true log p(x) (`kind` truth).
    Always the same draws.

    Raises:
        ResultsError: the results have no cell of lecture-weights.
    """
    parameters = parameters_of(_TASK, results)
    task = TASKS.build(parse_spec(f"{_TASK}({parameters})" if parameters else _TASK))
    x = torch.zeros(1, 0, dtype=task.dtype)
    with seeded(x.device, "figure", _TASK), torch.no_grad():
        drawn = evaluate(task, x, Detached(_DRAWS))
    log_weight = drawn.f[:, 0].double().numpy()
    truth = task.exact("evidence", x, 1)
    assert truth is not None
    draws = [
        {"kind": "draw", "number": number, "weight": math.exp(log_weight[number]), "log_weight": log_weight[number]}
        for number in range(_SHOWN)
    ]
    bounds = [_bound(log_weight, samples) for samples in _SAMPLES]
    shown = pd.DataFrame([*draws, *bounds, {"kind": "truth", "value": float(truth[0].detach())}])
    return shown.assign(task=_TASK, panel=_TASK, parameters=parameters)


def _bound(log_weight: np.ndarray, samples: int) -> dict[str, float | str]:
    """Return the mean and the quantiles of log (1/K) Σ w over disjoint sets of K draws, in nats."""
    estimates = np.logaddexp.reduce(log_weight.reshape(-1, samples), axis=1) - np.log(samples)
    low, high = np.quantile(estimates, [0.05, 0.95])
    return {
        "kind": "bound",
        "samples": samples,
        "value": float(estimates.mean()),
        "low": float(low),
        "high": float(high),
    }


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the weights, their logarithms, and what the K-sample bound makes of them."""
    draws, bounds = where(shown, shown["kind"] == "draw"), where(shown, shown["kind"] == "bound")
    truth = float(shown.loc[shown["kind"] == "truth", "value"].iloc[0])
    figure, axes = grid(page, 3, 3, ["expectation", "mean", "90% of the estimates", "log p(x)"])
    levels = (np.exp(truth), float(bounds["value"].iloc[0]))
    titles = ("E w = p(x)", "E log w = ELBO")
    for place, column, level, title in zip(axes, ["weight", "log_weight"], levels, titles, strict=False):
        name = column.replace("_", " ")
        place.vlines(draws["number"], 0, draws[column], color=_INK[name], linewidth=0.5)
        place.axhline(level, color="0.2", linestyle="--", linewidth=0.8, label="expectation")
        place.set(xlabel="draw", ylabel=metric_axis(name, "nats" if column == "log_weight" else "1"), title=title)
    last = axes[2]
    sns.lineplot(
        data=bounds,
        x="samples",
        y="value",
        ax=last,
        color=_INK["log weight"],
        marker="o",
        markeredgewidth=0,
        errorbar=None,
        estimator=None,
    )
    last.fill_between(
        bounds["samples"], bounds["low"], bounds["high"], color=_INK["log weight"], alpha=0.18, linewidth=0
    )
    last.axhline(truth, color=_INK["weight"], linewidth=0.8)
    last.set_xscale("log")
    last.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
    last.xaxis.set_minor_formatter(NullFormatter())
    last.set(xlabel="samples K", ylabel=metric_axis("log mean weight", "nats"), title="K-sample bound")
    mean, band, line = last.lines[0], last.collections[0], last.lines[-1]
    mean.set_label("mean")
    band.set_label("90% of the estimates")
    line.set_label("log p(x)")
    legend_below(figure, [axes[0].lines[0], mean, band, line], page)
    return figure
