"""The lecture's conclusion: the score function against reparameterization, on the same VAE."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.execution.plan import Request
from bench.figures import final
from bench.figures.axes import draw_interval, draw_line, legend_below, step_scale, ticks, y_scale
from bench.figures.estimates import moments
from bench.figures.grid import grid
from bench.figures.labels import metric_axis
from bench.figures.legend import handles, looks_of
from bench.figures.page import Page
from bench.figures.palette import Looks
from bench.reproduce.estimates import value_words
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.summary import Block

_ESTIMATORS: Final = specs("reinforce", "reinforce-loo", "reparam")
_GROUPS: Final = ("guide", "model")


def rows(ran: Ran) -> pd.DataFrame:
    """Return moments along the reference trajectory, and the final bounds, by estimator."""
    found = moments(ran.results, ["variance", "snr"], _GROUPS)
    return pd.concat([where(found, found["group"] != "all"), final.means(ran.results)], ignore_index=True)


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return the moments at the last step, and the final bounds."""
    last = where(shown, shown["step"] == shown["step"].max())
    moments_lines, bounds_lines = [], []
    for label in distinct(shown, "label"):
        of_label = where(last, last["label"] == label)
        moments_lines.append(
            [
                label,
                *(
                    value_words(of_label, metric=metric, group=group)
                    for metric in ("variance", "snr")
                    for group in _GROUPS
                ),
            ]
        )
        ended = where(shown, shown["label"] == label)
        bounds_lines.append(
            [
                label,
                *(value_words(ended, metric=metric) for metric in ("train_elbo", "test_elbo", "test_log_likelihood")),
            ]
        )
    step = int(series(last, "step").max())
    return [
        Block(
            f"Gradient at step {step}, all estimators at the same parameters",
            ["estimator", "variance, guide φ", "variance, model θ", "SNR, guide φ", "SNR, model θ"],
            moments_lines,
        ),
        Block(
            "After training by each estimator alone, nats per digit",
            ["estimator", "train ELBO", "test ELBO", "test log p(x) ≥"],
            bounds_lines,
        ),
    ]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return φ's variance and SNR along training, and the final test ELBO."""
    looks = looks_of(shown, page)
    figure, (spread, ratio, bound) = grid(page, 3, 3, distinct(shown, "label"))
    for place, metric in ((spread, "variance"), (ratio, "snr")):
        panel = where(shown, (shown["metric"] == metric) & (shown["group"] == "guide"))
        for (estimator, variant), line in grouped(panel, "estimator", "variant"):
            draw_line(place, line, "step", looks(estimator, variant))
        step_scale(place, series(panel, "step"))
        y_scale(place, panel, log=True)
        place.set(xlabel="training step", ylabel=metric_axis(metric), title="guide φ")
    draw_final(bound, where(shown, shown["metric"] == "test_elbo"), looks)
    legend_below(figure, handles(shown, page), page)
    return figure


def draw_final(place: Axes, ended: pd.DataFrame, looks: Looks) -> None:
    """Draw a final value with its interval per configuration, from left to right in their order."""
    for number, row in enumerate(records(ended)):
        draw_interval(place, where(ended, [row.Index]).assign(place=number), "place", looks(row.estimator, row.variant))
    place.set_xlim(-0.6, len(ended) - 0.4)
    place.set_xticks([])
    place.yaxis.set_major_locator(ticks(5))
    row = ended.iloc[0]
    place.set(xlabel="after training", ylabel=metric_axis(str(row["metric"]), str(row["unit"])))


def _request(task: str, seeds: int, steps: int, checkpoints: int, replicates: int) -> Request:
    return Request(
        specs(task),
        _ESTIMATORS,
        samples=(4,),
        seeds=tuple(range(seeds)),
        steps=steps,
        checkpoints=checkpoints,
        replicates=replicates,
        evaluation_samples=50,
        at="shared",
    )


RECIPE: Final = Recipe(
    title="Score function against reparameterization on the same VAE",
    source="the lecture's conclusion",
    settings=(
        "A Gaussian VAE on 5000 MNIST digits, K = 4 samples, Adam with the task's step sizes.",
        "reinforce-loo is the score function with the mean of the other samples as baseline.",
        "Moments: at the same parameters, along a training by reparam. Bounds: each estimator's own training.",
    ),
    full=(_request("vae-mnist(data=5k, latent=10, hidden=64, depth=1)", 3, 800, 4, 200),),
    quick=(_request("vae-mnist(data=5k, latent=5, hidden=32, depth=1)", 3, 200, 2, 100),),
    shortened="a smaller VAE, 200 steps instead of 800, 100 replicates instead of 200",
    rows=rows,
    tables=tables,
    draw=draw,
    see="Both gradients are unbiased. The score function's variance in φ is larger by orders of magnitude, its SNR "
    "is smaller, and so is the ELBO that it reaches in the same number of steps; a baseline closes most of the gap.",
)
