"""Measure one gradient estimate at fixed parameters: draw replicates until their variance is known well enough."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import torch
from torch import Tensor

from bench.machine.streams import seeded
from bench.measure.cosines import Cosines
from bench.measure.cost import Evaluations, cost_metrics, count_evaluations
from bench.measure.means import LIMIT, coordinate_names, mean_gradient, true_gradient
from bench.measure.metrics import gradient_metrics, nested_variances, unknown, variance, without_minibatches
from bench.measure.moments import ROUNDING, Beside, Moments, NotFinite, nothing
from bench.measure.outcomes import NO_EVENT, unseen_outcomes
from bench.measure.point import Point
from bench.measure.reference import References
from bench.measure.replicates import LOOP, Replicator
from bench.measure.rounding import rounding_of
from bench.measure.stopping import FIRST, Drawn, Progress, Stopping, draw_until_precise
from bench.measure.units import norm
from bench.statistics.intervals import Interval, product

_DRAWS_PER_BATCH = 4

LAUNCHES: Final = (
    "seconds and work_variance are for a gradient whose operations are launched one by one, which takes most of the "
    "time on a GPU; a captured training step takes seconds_per_step"
)

BY_LAYER: Final = "gradients of linear layers were formed in parts, where they are read"

TOO_FEW: Final = f"intervals from fewer than {FIRST} replicates cover less than 95% if gradients have heavy tails"


@dataclass(frozen=True)
class Measured:
    """Metrics by parameter group, and how they came about.

    Attributes:
        metrics: group -> metric -> interval.
        replicates: R.
        chunk: replicates drawn at once.
        reference: what the bias is with respect to.
        evidence: what `bias_evidence` is with respect to.
        reached: relative half-width of the variance's interval that was reached, all parameters together.
        notes: sentences that a reader of the numbers should know.
        means: coordinate -> the mean gradient, where that has few.
        truths: coordinate -> the reference gradient, likewise.
        reference_replicates: that the latter is the mean of; zero where it is exact.
    """

    metrics: dict[str, dict[str, Interval]]
    replicates: int
    chunk: int
    reference: str
    evidence: str
    reached: float
    notes: tuple[str, ...] = ()
    means: Mapping[str, Interval] = field(default_factory=dict)
    truths: Mapping[str, Interval] = field(default_factory=dict)
    reference_replicates: int = 0


def measure(
    point: Point, references: References, stopping: Stopping, seed: int, progress: Progress = lambda share: None
) -> Measured:
    """Measure an estimator at a task's present parameters, on the common batch.

    Args:
        point: what is measured, and where.
        references: what its mean is compared with.
        stopping: when its variance is known well enough.
        seed: of the replicates' random stream.
        progress: told how far the replicates are.

    Raises:
        NotFinite: a replicate is not.
    """
    replicator, chunk = point.replicator(stopping.first_look(LOOP))
    rounding = rounding_of(lambda: replicator.draw(point.x, LOOP)[0], point.x.device)
    moments = Moments(replicator.size, point.x.dtype, point.x.device, rounding)
    cosines = Cosines(references.target, replicator.slices) if references.target is not None else None
    evaluations = Evaluations() if chunk == LOOP else None
    with seeded(point.x.device, seed, "replicates"):
        with count_evaluations(point.task) as count:

            @cache
            def unseen() -> bool:
                before = count[0]
                found = unseen_outcomes(point, replicator, chunk)
                # Evaluations for this question are none of a replicate's.
                count[0] = before
                return found

            beside = cosines.read if cosines is not None else nothing
            for dealt in _replicates(moments, replicator, point.x, chunk, stopping, unseen, progress, beside):
                if cosines is not None:
                    cosines.close(dealt)
                if evaluations is not None:
                    evaluations.add(dealt[0].groups, count[0])
                    count[0] = 0
        split = _minibatch_split(replicator, point.batches, chunk, ROUNDING * rounding)
    with seeded(point.x.device, seed, "cost"):
        cost = cost_metrics(point.task, replicator, point.x, evaluations, point.share)
    metrics: dict[str, dict[str, Interval]] = {}
    doubtful: list[slice] = []
    for group, where in replicator.slices.items():
        found = group_metrics(moments, group, where, references, cosines)
        found |= split[group] if split else without_minibatches(found["variance"])
        if found["variance"].high == 0 and unseen():
            found = unknown(found)
            doubtful.append(where)
        found["work_variance"] = product(found["variance"], cost["seconds"])
        metrics[group] = found
    metrics["all"] |= cost
    names = coordinate_names(replicator.parameters) if replicator.size <= LIMIT else []
    target = references.target
    return Measured(
        metrics,
        moments.replicates,
        min(chunk, replicator.largest),
        target.label if target else "",
        references.evidence.label if references.evidence else "",
        half_width(moments, replicator.slices["all"]),
        tuple(_notes(metrics, moments.replicates, replicator, point.x.device)),
        dict(zip(names, mean_gradient(moments, doubtful), strict=True)) if names else {},
        dict(zip(names, true_gradient(target), strict=True)) if names and target else {},
        target.replicates if target else 0,
    )


def group_metrics(
    moments: Moments, group: str, where: slice, references: References, cosines: Cosines | None
) -> dict[str, Interval]:
    """Return every metric of one parameter group that needs no further draws."""
    found = gradient_metrics(moments, where, references.target, references.evidence)
    cosine = cosines.interval(group, moments.counts) if cosines is not None else None
    if cosine is not None and not moments.is_zero(where):
        found["cosine"] = cosine
    return found


def _notes(
    metrics: dict[str, dict[str, Interval]], replicates: int, replicator: Replicator, device: torch.device
) -> Iterator[str]:
    if device.type == "cuda":
        yield LAUNCHES
    if replicator.reason is not None:
        yield f"replicates were drawn one by one, since vmap failed: {replicator.reason}"
    if replicator.layers is not None:
        yield BY_LAYER
    if any(found["variance"].high == math.inf for found in metrics.values()):
        yield NO_EVENT
    if replicates < FIRST and any(found["variance"].value > 0 for found in metrics.values()):
        yield TOO_FEW


def _replicates(
    moments: Moments,
    replicator: Replicator,
    x: Tensor,
    chunk: int,
    stopping: Stopping,
    unseen: Callable[[], bool],
    progress: Progress,
    beside: Beside,
) -> Drawn:
    """Draw replicates into empty moments until their variance is known, or to the cap where an event was not seen."""
    chunk = stopping.fitting(chunk)
    everything = replicator.slices["all"]

    def width(moments: Moments) -> float:
        reached = half_width(moments, everything)
        return math.inf if reached == 0 and unseen() else reached

    yield from draw_until_precise(moments, replicator, x, chunk, stopping, width, progress, beside)


def half_width(moments: Moments, where: slice) -> float:
    """Return the relative half-width of the interval of the variance; zero for a variance of zero."""
    spread = variance(moments.summary(where))
    return (spread.high - spread.low) / (2 * spread.value) if spread.value > 0 else 0.0


def _minibatch_split(
    replicator: Replicator, batches: Sequence[Tensor], chunk: int, rounding: Tensor
) -> dict[str, dict[str, Interval]] | None:
    """Draw a few replicates on each of several batches and split the variance; None where there are no batches.

    Deviations of a coordinate that are below its `rounding`, [P], are none.
    """
    if not batches:
        return None
    deviations: dict[str, list[float]] = {group: [] for group in replicator.slices}
    means = []
    size = min(chunk, _DRAWS_PER_BATCH)
    parts = -(-_DRAWS_PER_BATCH // size)
    for batch in batches:
        rows = torch.cat([replicator.draw(batch, size) for _ in range(parts)])
        mean = rows.mean(0)
        if not bool(mean.isfinite().all()):
            raise NotFinite(rows, 0)
        means.append(mean)
        for group, where in replicator.slices.items():
            offsets = (rows[:, where] - mean[where]).double()
            offsets *= offsets.abs() > rounding[where]
            deviations[group].append(norm(offsets) / math.sqrt(len(rows) - 1))
    stacked, draws = torch.stack(means), parts * size
    centre = stacked.mean(0)
    stacked = torch.where((stacked - centre).abs() > rounding, stacked, centre)
    return {
        group: nested_variances(torch.tensor(deviations[group], dtype=torch.float64), stacked[:, where], draws)
        for group, where in replicator.slices.items()
    }
