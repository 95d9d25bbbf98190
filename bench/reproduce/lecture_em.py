"""Variational EM against joint ascent of the same ELBO."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.execution.plan import Request
from bench.figures import elbo
from bench.figures.axes import handle, legend_below
from bench.figures.estimates import over_seeds
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import COLOURS, LINES, MARKERS, Look
from bench.figures.seeds import draw_course, lines_note
from bench.reproduce.estimates import value_words
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.results.frames import grouped, records, where
from bench.results.summary import Block

_WAYS: Final = ("joint", "em(guide_steps=5, model_steps=1)", "em(guide_steps=50, model_steps=50)")
_LOOKS: Final = {
    way: Look(COLOURS[place], MARKERS[place], LINES[line], True)
    for way, place, line in zip(_WAYS, (6, 0, 1), range(3), strict=True)
}
_ENDS: Final = ("train_elbo", "log_evidence", "gap")
_SURE: Final = 4.0
"""Standard errors by which the objective must fall from one row to the next for it to count as a fall."""


def rows(ran: Ran) -> pd.DataFrame:
    """Return the objective along training, what it ended with, and how often it fell, by way of learning."""
    final = ran.results.final
    ways = final.set_index("configuration")["training_learning"].to_dict()
    course = elbo.rows(ran.results).assign(metric="objective")
    values = [
        pd.DataFrame(
            {
                "configuration": final["configuration"],
                "metric": metric,
                "value": final[metric],
                "ci_low": np.nan,
                "ci_high": np.nan,
            }
        )
        for metric in _ENDS
    ]
    ended = over_seeds(pd.concat(values), ["metric"], ran.results)
    falls = pd.DataFrame(
        [
            {"configuration": key, "metric": "falls", "value": fallen(of), "seeds": len(of) - of["cell"].nunique()}
            for (key,), of in grouped(ran.results.training, "configuration")
        ]
    )
    found = pd.concat([course, ended, falls.assign(task="ppca")], ignore_index=True)
    return found.assign(way=[ways[key] for key in found["configuration"]])


def fallen(training: pd.DataFrame) -> int:
    """Return how often the objective of a row is below that of the previous row by more than noise."""
    count = 0
    for _, of_cell in grouped(training, "cell"):
        value, error = of_cell["objective"].to_numpy(float), of_cell["objective_se"].to_numpy(float)
        count += int(np.sum(np.diff(value) < -_SURE * np.hypot(error[1:], error[:-1])))
    return count


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return the final ELBO beside the exact log evidence, and how often the objective fell."""
    lines = []
    for way in _WAYS:
        of_way = where(shown, shown["way"] == way)
        [falls] = records(where(of_way, of_way["metric"] == "falls"))
        values = [value_words(of_way, metric=metric) for metric in _ENDS]
        lines.append([way, *values, f"{falls.value:g} of {falls.seeds:g}"])
    return [
        Block(
            "After the same number of steps, nats per datapoint; gap = log p(x) − ELBO = KL(q ‖ p(z|x))",
            ["learning", "train ELBO", "log p(x)", "gap", f"falls of more than {_SURE:g} standard errors"],
            lines,
        )
    ]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the ELBO against the training step under log p(x), and its last stretch close up, by way of learning."""
    course = where(shown, (shown["metric"] == "objective") & ~shown["diverged"].isin([True]))
    note = "; ".join([elbo.smoothing(course), *lines_note(course, of_one="")])
    entries = [*(handle(_LOOKS[way], way) for way in _WAYS), elbo.evidence_handle()]
    labels = [str(entry.get_label()) for entry in entries]
    figure, (whole, end) = grid(page, 2, 2, labels, note=note)
    for (way,), line in grouped(course, "way"):
        for place in (whole, end):
            draw_course(place, line, "step", _LOOKS[way], marked=slice(0, 0))
            level = line["log_evidence"].iloc[0]
            place.axhline(level, color=_LOOKS[way].colour, linestyle=":", linewidth=0.8, label="_log p(x)")
    late = where(course, course["step"] > 0.4 * course["step"].max())
    reach = pd.concat([late[name] for name in ("value", "ci_low", "ci_high", "log_evidence")])
    end.set_xlim(min(late["step"]), max(late["step"]))
    end.set_ylim(np.nanmin(reach), np.nanmax(reach))
    whole.set(xlabel="training step", ylabel="ELBO\n(nats per datapoint)", title="all of training")
    end.set(xlabel="training step", ylabel="", title="the later part")
    legend_below(figure, entries, page, note)
    return figure


def _requests(seeds: int, steps: int) -> tuple[Request, ...]:
    return tuple(
        Request(
            specs("ppca(n=500)"),
            specs("reparam"),
            (1,),
            tuple(range(seeds)),
            steps=steps,
            learning=way,
            checkpoints=1,
            replicates=200,
            evaluation_samples=100,
            guide_lr=0.01,
            model_lr=0.01,
            at="own",
        )
        for way in _WAYS
    )


RECIPE: Final = Recipe(
    title="Variational EM against joint ascent",
    source="the lecture, learning",
    settings=(
        "ppca, N = 500, batches of 50, reparam with one sample, Adam 0.01 for φ and θ; intervals are between seeds.",
        "em moves φ and θ in turn, for as many steps as each says; joint moves both at every step.",
    ),
    full=_requests(5, 3000),
    quick=_requests(2, 600),
    shortened="2 seeds with 600 steps instead of 5 with 3000",
    rows=rows,
    tables=tables,
    draw=draw,
    see="Both ways ascend the same ELBO, and stay below log p(x). After the same number of steps joint ascent is "
    "ahead, since each of its steps moves both φ and θ. Apart from noise, no block of EM should lower the ELBO: see "
    "the last column.",
)
