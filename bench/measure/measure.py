"""Measure one gradient estimate at fixed parameters: draw replicates until their variance is known well enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from bench.machine.streams import seeded
from bench.measure.cosines import Cosines
from bench.measure.cost import cost_metrics
from bench.measure.metrics import gradient_metrics, nested_variances, variance, without_minibatches
from bench.measure.moments import GROUPS, Moments
from bench.measure.point import Point
from bench.measure.reference import Reference, References
from bench.measure.replicates import Replicator
from bench.measure.stopping import Stopping, draw_until_precise
from bench.statistics.intervals import Interval, product

Progress = Callable[[float], None]
"""Called with the share of a measurement that is done, in [0, 1]."""

_DRAWS_PER_BATCH = 4


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
        loop_reason: why replicates were drawn one by one, where they were.
    """

    metrics: dict[str, dict[str, Interval]]
    replicates: int
    chunk: int
    reference: str
    evidence: str
    reached: float
    loop_reason: str | None = field(default=None)


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
    """
    replicator, chunk = point.replicator()
    target, evidence = references.target, references.evidence
    with seeded(point.x.device, seed, "replicates"):
        moments, cosines = _accumulate(replicator, point.x, chunk, target, stopping, progress)
        split = _minibatch_split(replicator, point.batches, chunk)
    with seeded(point.x.device, seed, "cost"):
        cost = cost_metrics(point.task, replicator, point.x)
    metrics: dict[str, dict[str, Interval]] = {}
    for group, where in replicator.slices.items():
        found = gradient_metrics(moments, where, target, evidence)
        if cosines is not None and (cosine := cosines.interval(group, moments.counts)) is not None:
            found["cosine"] = cosine
        found |= split[group] if split else without_minibatches(found["variance"])
        found["work_variance"] = product(found["variance"], cost["seconds"])
        metrics[group] = found
    metrics["all"] |= cost
    return Measured(
        metrics,
        moments.replicates,
        min(chunk, replicator.largest),
        target.label if target else "",
        evidence.label if evidence else "",
        _half_width(moments, replicator.slices["all"]),
        replicator.reason,
    )


def _accumulate(
    replicator: Replicator, x: Tensor, chunk: int, target: Reference | None, stopping: Stopping, progress: Progress
) -> tuple[Moments, Cosines | None]:
    moments = Moments(replicator.size, x.dtype, x.device)
    cosines = Cosines(target, replicator.slices) if target is not None else None
    if chunk < 2 * GROUPS:
        # Such a chunk goes to one group as a whole, and every group must get one.
        chunk = min(chunk, stopping.limit // GROUPS)
    width = partial(_half_width, where=replicator.slices["all"])
    for gradients, dealt in draw_until_precise(moments, replicator, x, chunk, stopping, width):
        if cosines is not None:
            cosines.update(gradients, dealt)
        progress(moments.replicates / stopping.limit)
    progress(1.0)
    return moments, cosines


def _half_width(moments: Moments, where: slice) -> float:
    """Return the relative half-width of the interval of the variance; zero for a variance of zero."""
    spread = variance(moments.summary(where))
    return (spread.high - spread.low) / (2 * spread.value) if spread.value > 0 else 0.0


def _minibatch_split(
    replicator: Replicator, batches: Sequence[Tensor], chunk: int
) -> dict[str, dict[str, Interval]] | None:
    """Draw a few replicates on each of several batches and split the variance; None where there are no batches."""
    if not batches:
        return None
    sampling: dict[str, list[float]] = {group: [] for group in replicator.slices}
    means = []
    size = min(chunk, _DRAWS_PER_BATCH)
    parts = -(-_DRAWS_PER_BATCH // size)
    for batch in batches:
        rows = torch.cat([replicator.draw(batch, size) for _ in range(parts)])
        mean = rows.mean(0)
        means.append(mean)
        for group, where in replicator.slices.items():
            spread = (rows[:, where] - mean[where]).square().sum(dtype=torch.float64) / (len(rows) - 1)
            sampling[group].append(float(spread))
    stacked, draws = torch.stack(means), parts * size
    return {
        group: nested_variances(torch.tensor(sampling[group], dtype=torch.float64), stacked[:, where], draws)
        for group, where in replicator.slices.items()
    }
