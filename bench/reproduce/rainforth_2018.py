"""Rainforth et al. (2018): a tighter bound has a smaller signal-to-noise ratio in φ."""

import math
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
from bench.reproduce.estimates import estimates, fitted, mapped, number, parameter, slope_words, value_words
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.results.frames import distinct, grouped, series, where
from bench.results.metrics import group_name
from bench.results.summary import Block

_THEORY: Final = {
    ("iwae", "guide"): "−1/2",
    ("iwae", "model"): "+1/2",
    ("dreg", "guide"): "+1/2",
    ("dreg", "model"): "+1/2",
    ("ovis", "guide"): "+1/2",
    ("ovis", "model"): "+1/2",
}
_ESTIMATORS: Final = ("iwae", "dreg", "iwae-stl", "ovis")
_LEGIBLE: Final = 3.0
"""Multiples of the floor from which an SNR tells anything of the gradient."""


def floor(replicates: int) -> float:
    """Return what `snr_mean` is on average where the gradient's mean is zero: √(2/(πR))."""
    return math.sqrt(2 / (math.pi * replicates))


def rows(ran: Ran) -> pd.DataFrame:
    """Return the SNR by estimator, K and parameter group, with its floor; and the bias, of one dimension."""
    found = estimates(ran, ["snr_mean", "relative_bias"], ["guide", "model"])
    measured = ran.results.gradients.drop_duplicates("configuration").set_index("configuration")["n"].to_dict()
    found = found.assign(dim=parameter(found, "dim"))
    found = where(found, (found["dim"] == 1) == (found["metric"] == "relative_bias"))
    return found.assign(floor=[floor(count) for count in mapped(found, "configuration", measured)])


def above_floor(line: pd.DataFrame) -> pd.DataFrame:
    """Return the points that a slope can be fitted to."""
    return where(line, line["value"] > _LEGIBLE * line["floor"])


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return SNR and bias by K, and the slopes."""
    signal = where(shown, shown["metric"] == "snr_mean")
    lines = []
    for (estimator, samples), of_cell in grouped(signal, "estimator", "samples"):
        values = [value_words(of_cell, metric="snr_mean", group=group) for group in ("guide", "model")]
        lines.append([estimator, str(samples), *values])
    slopes = [
        [
            estimator,
            group_name(group),
            slope_words(fitted(above_floor(line), "samples")),
            f"{len(above_floor(line))} of {len(line)}",
            _THEORY.get((estimator, group), "–"),
        ]
        for (estimator, group), line in grouped(signal, "estimator", "group")
    ]
    low = number(series(signal, "floor").to_numpy(float).max())
    return [
        Block(
            f"SNR, mean over coordinates of |E g|/σ (floor {low})",
            ["estimator", "K", "SNR, guide φ", "SNR, model θ"],
            lines,
        ),
        Block("SNR ∝ K^slope", ["estimator", "gradient", "slope, measured", "points", "as K → ∞"], slopes),
        Block(
            "Bias for ∇L_K in φ, relative to its norm, where L_K is exact: D = 1",
            ["estimator", "K", "relative bias"],
            [
                [estimator, str(samples), value_words(of_cell, group="guide")]
                for (estimator, samples), of_cell in grouped(
                    where(shown, shown["metric"] == "relative_bias"), "estimator", "samples"
                )
            ],
        ),
    ]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the SNR against K, φ's and θ's, with fitted slopes and the floor."""
    signal = where(shown, shown["metric"] == "snr_mean")
    estimators = distinct(signal, "estimator")
    figure, panels = grid(page, 2, 2, [*estimators, "floor at this R"])
    for place, group in zip(panels, ("guide", "model"), strict=True):
        panel = where(signal, signal["group"] == group)
        set_scale(place, "x", panel["samples"], log=True)
        set_scale(place, "y", pd.concat([panel["value"], panel["floor"]]), log=True)
        for (estimator,), line in grouped(panel, "estimator"):
            style = look(estimator)
            draw_interval(place, line, "samples", style)
            legible = above_floor(line)
            slope = fitted(legible, "samples")
            if slope is not None:
                ends = np.array([legible["samples"].min(), legible["samples"].max()], dtype=float)
                place.plot(ends, slope.at_one * ends**slope.slope, color=style.colour, linewidth=0.8)
        place.axhline(float(panel["floor"].iloc[0]), color="0.6", linestyle=":", linewidth=0.8)
        ticks = sorted(distinct(panel, "samples"))
        place.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        place.set(title=group_name(group), xlabel="samples K")
    panels[0].set_ylabel("mean SNR")
    entries = [handle(look(estimator), estimator) for estimator in estimators]
    bottom = Line2D([], [], color="0.6", linestyle=":", linewidth=0.8, label="floor at this R")
    legend_below(figure, [*entries, bottom], page)
    return figure


def _requests(most: int, replicates: int) -> tuple[Request, ...]:
    powers = tuple(2**power for power in range(most + 1))

    def of(estimators: tuple[str, ...], samples: tuple[int, ...], dim: int = 20) -> Request:
        return Request(
            specs(f"linear-gaussian(dim={dim}, n=1024, perturbation=0.01)"),
            specs(*estimators),
            samples,
            steps=0,
            batch_size=32,
            replicates=replicates,
        )

    return of(("iwae", "dreg"), powers), of(("iwae-stl", "ovis"), powers[1:]), of(_ESTIMATORS, (2,), 1)


RECIPE: Final = Recipe(
    title="Tighter variational bounds are not necessarily better",
    source="Rainforth et al. 2018, toy; DReG: Tucker et al. 2019; OVIS: Liévin et al. 2020",
    settings=(
        "Paper: D = 20, N = 1024, parameters at the optimum plus N(0, 0.01²), SNR over 10⁴ gradients of all data.",
        "Ours: the same task and perturbation; gradients of one fixed batch of 32 instead of all 1024.",
        "Slopes are compared with the paper's theory; its numbers are only in figures, so none is printed here.",
        "A slope is fitted to the points above three times the floor √(2/(πR)), where an SNR is meaningful.",
    ),
    full=_requests(6, 10_000),
    quick=_requests(4, 2_000),
    shortened="K up to 16 instead of 64, 2000 gradients instead of 10⁴",
    rows=rows,
    tables=tables,
    draw=draw,
    see="The SNR of IWAE's gradient in φ falls with K, while that in θ, the same for all, rises. OVIS's rises in "
    "both, and DReG's too, from a higher level but slowly at first: the slopes of ½ are limits. iwae-stl has the "
    "highest SNR, but a bias: the SNR alone rewards a gradient that is not the bound's.",
)
