"""The toy of REBAR and RELAX: E (b − t)² in the logit of a Bernoulli."""

from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from bench.execution.plan import Request
from bench.figures import final
from bench.figures.axes import draw_line, handle, legend_below, step_scale, y_scale
from bench.figures.estimates import moments
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import look
from bench.reproduce.estimates import number, parameter, value_words
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.results.frames import distinct, grouped, series, where
from bench.results.summary import Block

_GROUP: Final = "guide"


def rows(ran: Ran) -> pd.DataFrame:
    """Return the variance along each estimator's own training, and the final cost, by t and estimator.

    The metric `way` is the share of the way from the cost at the start to the least one, in per cent.
    """
    spread = moments(ran.results, ["variance"], [_GROUP])
    cost = final.means(ran.results)
    cost = where(cost, cost["metric"] == "objective").assign(metric="way")
    t = parameter(cost, "t")
    ends = {"value": "value", "ci_low": "ci_high", "ci_high": "ci_low"}
    ways = {column: 100 * (start_cost(t) - cost[other]) / (start_cost(t) - t**2) for column, other in ends.items()}
    found = pd.concat([where(spread, spread["group"] == _GROUP), cost.assign(**ways)], ignore_index=True)
    return found.assign(t=parameter(found, "t"))


def start_cost(t: Any) -> Any:
    """Return the cost at the logit 0, where b = 0 and 1 have probability ½ each; `t` is a number or a column."""
    return ((1 - t) ** 2 + t**2) / 2


def start_variance(t: float) -> float:
    """Return the variance of reinforce's gradient f(b) (b − ½), b = 0 or 1 with probability ½ each."""
    return ((1 - t) ** 2 + t**2) ** 2 / 16


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return a table per t: variances at the start and at the end of training, and the cost reached."""
    blocks = []
    for t in sorted(distinct(shown, "t")):
        of_t = where(shown, shown["t"] == t)
        last = of_t["step"].max()
        lines = [
            [
                estimator,
                value_words(of, metric="variance", step=0),
                number(start_variance(t)) if estimator == "reinforce" else "–",
                value_words(of, metric="variance", step=last),
                value_words(of, metric="way"),
            ]
            for (estimator,), of in grouped(of_t, "estimator")
        ]
        blocks.append(
            Block(
                f"t = {t:g}: the cost starts at {start_cost(t):.6g}, and its least value is t² = {t**2:.6g}",
                ["estimator", "variance at step 0", "exact", f"variance at step {last:g}", "% of the way to t²"],
                lines,
            )
        )
    return blocks


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the variance along training, a panel per t."""
    estimators, targets = distinct(shown, "estimator"), sorted(distinct(shown, "t"))
    figure, panels = grid(page, len(targets), len(targets), estimators)
    for place, t in zip(panels, targets, strict=True):
        panel = where(shown, (shown["t"] == t) & (shown["metric"] == "variance"))
        for (estimator,), line in grouped(panel, "estimator"):
            draw_line(place, line, "step", look(estimator))
        step_scale(place, series(panel, "step"))
        y_scale(place, panel, log=True)
        first = "gradient variance" if place is panels[0] else ""
        place.set(title=f"t = {t:g}", xlabel="training step", ylabel=first)
    legend_below(figure, [handle(look(name), name) for name in estimators], page)
    return figure


def _requests(seeds: int, steps: int) -> tuple[Request, ...]:
    return (
        Request(
            specs("bernoulli-quadratic(t=0.45)", "bernoulli-quadratic(t=0.499)"),
            specs("reinforce", "rebar", "relax"),
            samples=(1,),
            seeds=tuple(range(seeds)),
            steps=steps,
            guide_lr=0.01,
            checkpoints=5,
            replicates=2000,
            at="own",
        ),
    )


RECIPE: Final = Recipe(
    title="REINFORCE, REBAR and RELAX on E (b − t)²",
    source="Tucker et al. 2017, t = 0.45; Grathwohl et al. 2018, t = 0.499",
    settings=(
        "Paper: logit from 0, Adam 0.01, one sample, λ from 0.5. Its toy numbers are only in figures, so none is "
        "shown here.",
        "Ours: the same. η, λ and the network learn by Adam with the guide's step size; intervals are between seeds.",
    ),
    full=_requests(3, 2000),
    quick=_requests(2, 300),
    shortened="2 seeds with 300 steps instead of 3 with 2000",
    rows=rows,
    tables=tables,
    draw=draw,
    see="At t = 0.499 the two values of b differ in cost by 0.002, and REINFORCE's gradient is noise, 250 times as "
    "large as its mean. RELAX's network learns to remove nearly all of it, REBAR's two parameters hardly any. At t = "
    "0.45 RELAX is less steady: as the logit moves, its network has to follow.",
)
