"""Problem 2 of the lecture: with the prior as proposal the variance grows with the dimension of z.

In `linear-gaussian` E w²/p² is a product over dimensions, ∫ p(z|x)²/q(z) dz each: (2/√3) exp(d²/6), d = x − μ, where q
is the prior, which is 2 on average over x; and 1.033 where q is the guide, N((x + μ)/2, ⅔) for the posterior
N((x + μ)/2, ½). The self-normalised gradient in μ then has, per coordinate, the variance (1/M) E w²/p² v, with v the
second moment of its error under p(z|x)²/q(z): ⅓ + d²/36 and ⅖.
"""

import math
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.execution.plan import Request
from bench.figures import weights
from bench.figures.axes import bound_handle, draw_seen, handle, legend_below, set_scale
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import look
from bench.reproduce.estimates import estimates, mapped, number, parameter, value_words
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.reproduce.theory import initial_task
from bench.results.frames import distinct, grouped, records, where
from bench.results.summary import Block

_SAMPLES: Final = 64
_ROWS: Final = 16
_GUIDE: Final = (2 / 3) / math.sqrt(0.5 * (4 / 3 - 0.5))
"""∫ p(z|x)²/q(z) dz of one dimension."""
_NAMES: Final = {
    "naive-mc": "prior, weights (naive-mc)",
    "iwae": "fitted guide, weights (iwae)",
    "reparam": "fitted guide, log weights (reparam)",
}


def _requests(dims: tuple[int, ...], replicates: int) -> tuple[Request, ...]:
    tasks = specs(*(f"linear-gaussian(dim={dim}, n={_ROWS})" for dim in dims))
    return (
        Request(
            tasks,
            specs(*_NAMES),
            samples=(_SAMPLES,),
            steps=0,
            batch_size=_ROWS,
            replicates=replicates,
        ),
    )


def rows(ran: Ran) -> pd.DataFrame:
    """Return θ's variance per parameter and bias by dimension and estimator, the variances' laws beside them.

    `spread` is Var(w)/p(x)² of the estimator's proposal, averaged over x.
    """
    found = estimates(ran, ["variance_mean", "bias_evidence"], ["model"])
    found = found.assign(dim=parameter(found, "dim"), line=mapped(found, "estimator", _NAMES))
    for column in ("value", "ci_low", "ci_high"):
        bias = found["metric"] == "bias_evidence"
        found.loc[bias, column] = found.loc[bias, column] / np.sqrt(found.loc[bias, "dim"])
    laws = [laws_of(ran, row.configuration, row.estimator) for row in records(found)]
    found = found.assign(law=[law for law, _ in laws], spread=[spread for _, spread in laws])
    found.loc[found["metric"] == "bias_evidence", "law"] = math.nan
    place = list(_NAMES).index
    return found.sort_values(["estimator", "dim"], key=lambda c: c.map(place) if c.name == "estimator" else c)


def laws_of(ran: Ran, configuration: str, estimator: str) -> tuple[float, float]:
    """Return the variance per parameter of θ's gradient to leading order in 1/M, and Var(w)/p(x)²."""
    task, x = initial_task(ran.cell(configuration))
    square = (x - task.get_parameter("model.loc")).detach().numpy() ** 2
    dim = square.shape[1]
    if estimator == "naive-mc":
        product = np.prod(2 / math.sqrt(3) * np.exp(square / 6), axis=1)
        law = np.mean(product * np.mean(1 / 3 + square / 36, axis=1))
        return float(law) / _SAMPLES / _ROWS, float(np.mean(product)) - 1
    spread = _GUIDE**dim - 1
    return (0.4 * (spread + 1) if estimator == "iwae" else 2 / 3) / _SAMPLES / _ROWS, spread


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return the variances and biases by dimension, and the weights of the lecture's example."""
    spreads, biases = [], []
    for dim in sorted(distinct(shown, "dim")):
        of_dim = where(shown, shown["dim"] == dim)
        spread = {row.estimator: row.spread for row in records(of_dim)}
        laws = {row.estimator: row.law for row in records(where(of_dim, of_dim["metric"] == "variance_mean"))}
        line = [f"{dim:g}", number(spread["naive-mc"]), number(spread["iwae"])]
        for name in _NAMES:
            line += [value_words(of_dim, metric="variance_mean", estimator=name), number(laws[name])]
        spreads.append(line)
        biases.append([f"{dim:g}", *(value_words(of_dim, metric="bias_evidence", estimator=name) for name in _NAMES)])
    headers = ["D", "Var(w)/p², prior", "guide"]
    for name in _NAMES:
        headers += [f"variance/D, {name}", "theory"]
    return [
        Block(f"Gradient of log p(x) in μ, M = K = {_SAMPLES}", headers, spreads),
        Block("Bias for log p(x) of the same gradients, divided by √D", ["D", *_NAMES], biases),
        _weights_table(),
    ]


def _weights_table() -> Block:
    shown = weights.rows()
    bounds = where(shown, shown["kind"] == "bound")
    lines = [
        [f"{row.samples:g}", number(row.value), f"{number(row.low)} to {number(row.high)}"] for row in records(bounds)
    ]
    # w = N(z; 0, 1)/N(z; 2, 1.1²), z = 2 + 1.1 ε: log w = −2.2 ε − 0.105 ε² + const.
    square = 1.21 / math.sqrt(1.42) * math.exp(4 / 1.42)
    title = (
        f"Lecture's example, q = N(2, 1.1²), log p(x) = 0: Var(w)/p² = {number(square - 1)}, "
        f"Var(log w) = {number(2.2**2 + 2 * 0.105**2)}, ELBO = {number((math.log(1.21) - 4.21) / 2)}, exactly"
    )
    return Block(title, ["K", "mean of log (1/K) Σ w", "90% of single estimates"], lines)


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the variance and the bias per parameter against the dimension, with the laws of the variance."""
    lines = distinct(shown, "line")
    figure, panels = grid(page, 2, 2, [*lines, "theory", "upper bound"])
    for place, metric in zip(panels, ("variance_mean", "bias_evidence"), strict=True):
        panel = where(shown, shown["metric"] == metric)
        seen = where(panel, panel["ci_low"] > 0)
        set_scale(place, "x", panel["dim"], log=True)
        set_scale(place, "y", pd.concat([seen["value"], panel["ci_high"]]), log=True)
        place.set_xticks(sorted(distinct(panel, "dim")))
        place.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        for (estimator,), line in grouped(panel, "estimator"):
            style = look(estimator)
            draw_seen(place, line, "dim", style)
            place.plot(line["dim"], line["law"], color=style.colour, linewidth=0.8)
        place.set_xlabel("dimension D of z")
    panels[0].set_ylabel("variance per parameter\n(nats²/param²)")
    panels[1].set_ylabel("bias for log p(x), per √D\n(nats/param)")
    entries = [handle(look(name), label) for name, label in _NAMES.items()]
    legend_below(figure, [*entries, Line2D([], [], color="0.4", linewidth=0.8, label="theory"), bound_handle()], page)
    return figure


RECIPE: Final = Recipe(
    title="Variance grows with the dimension of z if the prior is the proposal",
    source="the lecture, problem 2",
    settings=(
        f"linear-gaussian, D = 1 to 32, {_ROWS} observations, {_SAMPLES} samples; q is at its optimum, within 0.01.",
        "Theory of the variance: to leading order in 1/M, which holds while Var(w)/p² is far below M; reparam: exact.",
    ),
    full=_requests((1, 2, 4, 8, 16, 32), 2000),
    quick=_requests((1, 4, 16), 500),
    shortened="three dimensions, 500 replicates instead of 2000",
    rows=rows,
    tables=tables,
    draw=draw,
    see="From the prior, Var(w)/p² doubles with every dimension, on average over x, and the variance of the gradient "
    "grows until a single weight dominates the sum: it then approaches that of one draw from the prior, 1/16, "
    "whatever M is. A fitted guide nearly stops this growth. Log weights (the ELBO, and the second figure) stop it "
    "for every D; they cost a bias, the misfit of the guide, which does not fall with K.",
    also=("weights",),
)
