"""Problem 1 of the lecture: log p(x) has no unbiased Monte Carlo gradient, and what the jackknife and SUMO do about it.

By Taylor's formula E log p̂ − log p ≈ −Var(w)/(2 M p²) for the mean p̂ of M weights w. In `linear-gaussian` with one
dimension, w = p(x|z) and z ~ p(z): Var(w)/p² = (2/√3) exp(d²/6) − 1 with d = x − μ, so that the gradient in μ has the
bias d exp(d²/6)/(3√3 M). In `gamma-weights` every term of the gradient in θ = (log C, log b) is known: that of L_K is
(1, (a + 1)/(aK + 1)), and that of log p(x) is (1, 0).
"""

import math
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.execution.plan import Request
from bench.figures.axes import bound_handle, draw_seen, handle, legend_below, set_scale
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import Look, look
from bench.names.spec import Spec, parse_spec
from bench.reproduce.estimates import estimates, mapped, number, slope_lines, value_words
from bench.reproduce.recipe import Ran, Recipe
from bench.reproduce.theory import initial_task
from bench.results.frames import grouped, records, where
from bench.results.summary import Block
from estimators.evidence.jvi import jackknife_coefficients
from estimators.evidence.sumo import survival

_NAIVE: Final = Spec("linear-gaussian", {"dim": 1, "n": 8, "perturbation": 1.0})
_GAMMA: Final = Spec("gamma-weights", {"a": 1.0})
_LIMITS: Final = {"naive-mc": "−1", "iwae-reinforce": "−1", "jvi(order=1)": "−2", "jvi(order=2)": "−3"}

_ORDER: Final = [*_LIMITS, "sumo"]
_SERIES: Final = 1000
"""Terms of sumo's series beyond which there is nothing."""


def _requests(most: int, replicates: int, sumo: int) -> tuple[Request, ...]:
    def gamma(estimator: str, samples: tuple[int, ...], count: int) -> Request:
        return Request((_GAMMA,), (parse_spec(estimator),), samples, steps=0, replicates=count)

    powers = tuple(2**power for power in range(2, most + 1))
    return (
        Request((_NAIVE,), (Spec("naive-mc"),), powers, steps=0, batch_size=8, replicates=replicates),
        gamma("iwae-reinforce", (2, 4, 8, 16), replicates),
        gamma("jvi(order=1)", (2, 3, 4, 6, 8), 4 * replicates),
        gamma("jvi(order=2)", (3, 4, 5, 6), 8 * replicates),
        gamma("sumo", (1,), sumo),
    )


def rows(ran: Ran) -> pd.DataFrame:
    """Return the bias of θ's gradient for log p(x), its law, and the variance and evaluations, by estimator and K."""
    found = estimates(ran, ["bias_evidence", "variance", "evaluations"], ["model"])
    found = found.assign(line=found["name"]).sort_values("line", key=lambda c: c.map(_ORDER.index), kind="stable")
    # A single gradient was counted, and sumo's number of evaluations is random: this is its mean.
    random = (found["line"] == "sumo") & (found["metric"] == "evaluations")
    for column in ("value", "ci_low", "ci_high"):
        found.loc[random, column] = 1 + sum(survival(_SERIES))
    return found.assign(law=[_law(ran, row) for row in records(found)])


def _law(ran: Ran, row: object) -> float:
    """Return what the bias is: to leading order for naive-mc, exactly for the others; NaN of other metrics."""
    metric, line, samples, configuration = (
        getattr(row, name) for name in ("metric", "line", "samples", "configuration")
    )
    if metric != "bias_evidence":
        return math.nan
    if line == "naive-mc":
        return naive_bias(ran, configuration) / samples
    order = {"iwae-reinforce": 0, "jvi(order=1)": 1, "jvi(order=2)": 2}.get(line)
    return 0.0 if order is None else abs(gamma_bias(1.0, samples, order))


def naive_bias(ran: Ran, configuration: str) -> float:
    """Return M times the leading bias of the gradient in μ, on the observations and at the μ that were measured."""
    task, x = initial_task(ran.cell(configuration))
    distance = (x - task.get_parameter("model.loc")).detach().numpy()
    return abs(float(np.mean(distance * np.exp(distance**2 / 6)))) / (3 * math.sqrt(3))


def gamma_bias(a: float, samples: int, order: int) -> float:
    """Return the bias for log p(x) of the gradient in log b: of L_K for order 0, else of its jackknife."""
    coefficients = jackknife_coefficients(samples, order) if order else [1.0]
    return sum(c * (a + 1) / (a * (samples - j) + 1) for j, c in enumerate(coefficients))


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return the biases by K, and the slopes."""
    biases = where(shown, shown["metric"] == "bias_evidence")
    lines = [
        [
            row.line,
            str(row.samples),
            value_words(where(shown, shown["configuration"] == row.configuration), metric="evaluations"),
            value_words(biases, configuration=row.configuration),
            number(row.law),
            value_words(where(shown, shown["configuration"] == row.configuration), metric="variance"),
        ]
        for row in records(biases)
    ]
    with_slope = where(biases, biases["line"].isin(_LIMITS))
    slopes = slope_lines(with_slope, ["line"], "samples", [_LIMITS[line] for line in with_slope["line"].unique()])
    return [
        Block(
            "Bias of the gradient in θ for log p(x)",
            ["estimator", "K", "evaluations", "bias, measured", "bias, theory", "variance"],
            lines,
        ),
        Block("Bias ∝ K^slope", ["estimator", "slope, measured", "slope of the theory at these K", "as K → ∞"], slopes),
    ]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the naive bias against M, the remedies' against K, and what their variance is at their cost."""
    styles = {name: _look(name) for name in shown["line"].unique()}
    figure, (naive, remedies, cost) = grid(page, 3, 3, [*styles, "upper bound", "theory"])
    biases = where(shown, shown["metric"] == "bias_evidence")
    ours = biases["line"] == "naive-mc"
    _draw_biases(naive, where(biases, ours), styles)
    _draw_biases(remedies, where(biases, ~ours & (biases["line"] != "sumo")), styles)
    naive.set(title="naive Monte Carlo", xlabel="samples M", ylabel="bias for log p(x)\n(nats/param)")
    remedies.set(title="remedies", xlabel="samples K")
    _draw_cost(cost, where(shown, shown["line"] != "naive-mc"), styles)
    entries = [handle(style, name) for name, style in styles.items()]
    theory = Line2D([], [], color="0.4", linewidth=0.8, label="theory")
    legend_below(figure, [*entries, bound_handle(), theory], page)
    return figure


def _look(name: str) -> Look:
    return look(parse_spec(name).name, int("order=2" in name))._replace(size=3.5)


def _draw_biases(place: Axes, biases: pd.DataFrame, styles: dict[str, Look]) -> None:
    seen = where(biases, biases["ci_low"] > 0)
    set_scale(place, "x", biases["samples"], log=True)
    set_scale(place, "y", pd.concat([seen["value"], biases["law"], biases["ci_high"]]), log=True)
    for (name,), line in grouped(biases, "line"):
        draw_seen(place, line, "samples", styles[name])
        place.plot(line["samples"], line["law"], color=styles[name].colour, linestyle=styles[name].line, linewidth=0.8)


def _draw_cost(place: Axes, shown: pd.DataFrame, styles: dict[str, Look]) -> None:
    spread = where(shown, shown["metric"] == "variance")
    cost = where(shown, shown["metric"] == "evaluations").set_index("configuration")["value"].to_dict()
    spread = spread.assign(evaluations=mapped(spread, "configuration", cost))
    set_scale(place, "x", spread["evaluations"], log=True)
    set_scale(place, "y", spread["value"], log=True)
    for (name,), line in grouped(spread, "line"):
        draw_seen(place, line, "evaluations", styles[name])
    place.set(title="variance", xlabel="evaluations per gradient", ylabel="gradient variance\n(nats²/param²)")


RECIPE: Final = Recipe(
    title="The gradient of log p(x) has no unbiased Monte Carlo estimate",
    source="the lecture, problem 1",
    settings=(
        f"naive-mc: {_NAIVE}, M weights w = p(x|z) with z from the prior; theory: −Var(w)/(2 M p²), to leading order.",
        f"Remedies: {_GAMMA}, K weights w = p(x, z)/q(z); theory: exact, and zero for sumo.",
        "iwae-reinforce has the bound L_K, from which the jackknife starts; sumo's K counts its random series.",
    ),
    full=_requests(8, 20_000, 4_000),
    quick=_requests(6, 5_000, 500),
    shortened="M only up to 64, a quarter of the replicates",
    rows=rows,
    tables=tables,
    draw=draw,
    see="The bias of log p̂(x) falls as 1/M but is never zero, as −Var(w)/(2 M p²) says. Each order of the jackknife "
    "takes one more power of K off it, for a larger variance. SUMO has no bias, but a variance that no number of "
    "replicates can measure: the variances of its terms add up to infinity.",
)
