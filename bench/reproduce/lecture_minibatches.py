"""Problem 3 of the lecture: minibatches, and guides that are amortized, shared or per datapoint."""

from typing import Final

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from bench.execution.plan import Request
from bench.figures.axes import draw_interval, draw_seen, handle, legend_below, set_scale
from bench.figures.estimates import over_seeds
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import COLOURS, MARKERS, Look
from bench.machine.streams import seeded
from bench.measure.metrics import bias_metrics
from bench.measure.moments import Moments
from bench.measure.reference import Reference
from bench.measure.replicates import LOOP, Replicator
from bench.names.spec import parse_spec
from bench.reproduce.estimates import estimates, number, slope_lines, value_words, words
from bench.reproduce.recipe import Ran, Recipe, specs
from bench.reproduce.theory import initial_task
from bench.results.frames import distinct, grouped, records, where
from bench.results.summary import Block
from bench.training.exact_gradient import ExactGradient
from tasks.base import Task

_PARTS: Final = {"variance_sampling": "z, given the batch", "variance_minibatch": "choice of the batch"}
_LOOKS: Final = {
    part: Look(COLOURS[place], MARKERS[place], "-", True) for part, place in zip(_PARTS, (4, 5), strict=True)
}
_GUIDES: Final = ("amortized", "per-datapoint", "shared")
_SMALL: Final = 16
"""Batch sizes up to here are tested for bias."""
_BATCHES: Final = 100_000
_ENDS: Final = ("train_elbo", "log_evidence", "gap")
_END_NAMES: Final = {"train_elbo": "ELBO", "log_evidence": "log p(x)"}
_ENDED: Final = {
    metric: Look("#1A1A1A", marker, "-", metric == "train_elbo")
    for metric, marker in zip(_END_NAMES, ("o", "D"), strict=True)
}


def rows(ran: Ran) -> pd.DataFrame:
    """Return the two parts of the variance by batch size, the bias of minibatches, and what each guide reached.

    `law` of the part due to the batch is exact, from the gradients of the exact ELBO of every datapoint.
    """
    untrained = ran.results.final.loc[ran.results.final["training_steps"] == 0]
    sizes = untrained.set_index("configuration")["training_batch_size"].to_dict()
    parts = estimates(ran, list(_PARTS), ["all"])
    parts = where(parts, parts["configuration"].isin(sizes))
    parts = parts.assign(batch=parts["configuration"].map(sizes)).sort_values(["metric", "batch"])
    task, x = initial_task(ran.cell(str(parts["configuration"].iloc[0])))
    gradients = datapoint_gradients(task, x)
    parts["law"] = [
        minibatch_variance(gradients, int(row.batch)) if row.metric == "variance_minibatch" else np.nan
        for row in records(parts)
    ]
    smallest = sorted(size for size in sizes.values() if size <= _SMALL)
    biases = pd.DataFrame([minibatch_bias(gradients, int(size)) for size in smallest])
    return pd.concat([parts, biases.assign(task="ppca"), _ended(ran)], ignore_index=True)


def _ended(ran: Ran) -> pd.DataFrame:
    """Return the final ELBO, log evidence and gap by guide, over seeds."""
    trained = where(ran.results.final, ran.results.final["training_steps"] > 0)
    values = pd.concat(
        [
            pd.DataFrame(
                {
                    "configuration": trained["configuration"],
                    "metric": metric,
                    "value": trained[metric],
                    "ci_low": np.nan,
                    "ci_high": np.nan,
                }
            )
            for metric in _ENDS
        ]
    )
    found = over_seeds(values, ["metric"], ran.results)
    guides = [parse_spec(f"task({text})").parameters["guide"] for text in found["task_parameters"]]
    return found.assign(guide=guides)


def datapoint_gradients(task: Task, x: Tensor) -> Tensor:
    """Return the gradient of the exact ELBO of each datapoint, [N, P]."""
    replicator = Replicator(task, ExactGradient(), 1)
    return torch.cat([replicator.draw(row[None], LOOP) for row in x])


def minibatch_variance(gradients: Tensor, size: int) -> float:
    """Return tr Cov of the mean gradient of `size` datapoints drawn without replacement."""
    count = len(gradients)
    spread = float((gradients - gradients.mean(0)).square().sum()) / (count - 1)
    return spread / size * (1 - size / count)


def minibatch_bias(gradients: Tensor, size: int) -> dict[str, float | int | str]:
    """Return the distance of the mean over many minibatches' gradients from that of all data, with its interval."""
    moments = Moments(gradients.shape[1], gradients.dtype, gradients.device)
    with seeded(gradients.device, "minibatches", size):
        for _ in range(_BATCHES // 1000):
            drawn = torch.rand(1000, len(gradients), dtype=torch.float32).topk(size, 1).indices
            moments.update(gradients[drawn].mean(1))
    everything = slice(0, gradients.shape[1])
    exact = Reference(gradients.mean(0)[None], None, "exact")
    bias = bias_metrics(moments, everything, exact, moments.summary(everything))["relative_bias"]
    return {"metric": "minibatch_bias", "batch": size, "value": bias.value, "ci_low": bias.low, "ci_high": bias.high}


def tables(shown: pd.DataFrame) -> list[Block]:
    """Return the parts of the variance, their slopes, the bias, and what each guide reached."""
    parts = where(shown, shown["metric"].isin(list(_PARTS)))
    lines = []
    for batch in sorted(distinct(parts, "batch")):
        of_batch = where(parts, parts["batch"] == batch)
        [law] = where(of_batch, of_batch["metric"] == "variance_minibatch")["law"]
        lines.append([f"{batch:g}", *(value_words(of_batch, metric=part) for part in _PARTS), number(law)])
    biased = [[f"{row.batch:g}", words(row)] for row in records(where(shown, shown["metric"] == "minibatch_bias"))]
    several = where(parts, (parts["ci_low"] > 0) & (parts["value"] > 0))
    slopes = slope_lines(
        several.assign(law=several["law"].fillna(1 / several["batch"])), ["metric"], "batch", ["−1"] * 2
    )
    ended = [
        [guide, *(value_words(where(shown, shown["guide"] == guide), metric=metric) for metric in _ENDS)]
        for guide in _GUIDES
    ]
    return [
        Block(
            "Variance of the ELBO's gradient, by cause",
            ["|B|", *_PARTS.values(), "exact, choice of the batch"],
            lines,
        ),
        Block("Variance ∝ |B|^slope", ["part", "slope, measured", "exact", "for |B| ≪ N"], slopes),
        Block(
            f"Relative bias of the minibatch gradient, scaled by N/|B|, for the gradient of all data: {_BATCHES} "
            f"batches",
            ["|B|", "relative bias"],
            biased,
        ),
        Block(
            "After training, nats per datapoint; gap = log p(x) − ELBO = KL(q ‖ p(z|x))",
            ["guide", "train ELBO", "log p(x)", "gap"],
            ended,
        ),
    ]


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return the parts of the variance against the batch size, and what each guide reached."""
    figure, (spread, ends) = grid(page, 2, 2, [*_PARTS.values(), "exact", *_END_NAMES.values()])
    parts = where(shown, shown["metric"].isin(list(_PARTS)))
    set_scale(spread, "x", parts["batch"], log=True)
    set_scale(spread, "y", pd.concat([parts.loc[parts["ci_low"] > 0, "value"], parts["law"]]), log=True)
    for (part,), line in grouped(parts, "metric"):
        draw_seen(spread, line, "batch", _LOOKS[part])
        known = where(line, line["law"] > 0)
        spread.plot(known["batch"], known["law"], color=_LOOKS[part].colour, linewidth=0.8)
    spread.set(xlabel="batch size |B|", ylabel="gradient variance\n(nats²/param²)", title="two sources of variance")
    for place, guide in enumerate(_GUIDES):
        of_guide = where(shown, shown["guide"] == guide).assign(place=place)
        for metric, style in _ENDED.items():
            draw_interval(ends, where(of_guide, of_guide["metric"] == metric), "place", style)
    ends.set_xticks(range(len(_GUIDES)), _GUIDES)
    ends.set_xlim(-0.5, len(_GUIDES) - 0.5)
    ends.set(xlabel="guide", ylabel="nats per datapoint", title="after training")
    entries = [handle(_LOOKS[part], name, line=False) for part, name in _PARTS.items()]
    entries.append(Line2D([], [], color="0.4", linewidth=0.8, label="exact"))
    entries += [handle(style, _END_NAMES[metric], line=False) for metric, style in _ENDED.items()]
    legend_below(figure, entries, page)
    return figure


def _requests(sizes: tuple[int, ...], replicates: int, seeds: int, steps: int) -> tuple[Request, ...]:
    of_sizes = [
        Request(specs("ppca(n=1000)"), specs("reparam"), (1,), steps=0, batch_size=size, replicates=replicates)
        for size in sizes
    ]
    of_guides = Request(
        specs(*(f"ppca(n=200, guide={guide})" for guide in _GUIDES)),
        specs("reparam"),
        (1,),
        tuple(range(seeds)),
        steps=steps,
        checkpoints=1,
        replicates=200,
        evaluation_samples=100,
        guide_lr=0.02,
        at="own",
    )
    return (*of_sizes, of_guides)


RECIPE: Final = Recipe(
    title="Minibatches, and one guide for all or one for each",
    source="the lecture, problem 3",
    settings=(
        "Variance: ppca, N = 1000, at the initial parameters; per datapoint, so that the factor N/|B| is 1/|B| here.",
        "The choice of the batch: 20 batches drawn without replacement; its exact variance is S² (1 − |B|/N)/|B|.",
        "Guides: ppca, N = 200, batches of 50, reparam, one sample; log p(x) is exact, for each guide's own model.",
    ),
    full=_requests((1, 4, 16, 64, 256, 1000), 1000, 3, 3000),
    quick=_requests((1, 16, 256, 1000), 200, 2, 800),
    shortened="four batch sizes, 2 seeds with 800 steps instead of 3 with 3000",
    rows=rows,
    tables=tables,
    draw=draw,
    see="Minibatches bring no bias. Both parts of the variance fall as 1/|B|; the choice of the batch is the larger "
    "one, so more samples of z would not help. Here an amortized guide does as well as separate parameters for every "
    "datapoint. One guide shared by all x cannot follow z: the model learns to do without z, which closes the gap, "
    "but log p(x) stays far behind.",
)
