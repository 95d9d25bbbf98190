"""Measure one gradient estimate at fixed parameters: draw replicates until their variance is known well enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.machine.streams import seeded
from bench.measure.chunk import chunk_size
from bench.measure.cosines import Cosines
from bench.measure.cost import cost_metrics
from bench.measure.looks import first_look, next_look
from bench.measure.metrics import gradient_metrics, nested_variances, variance, without_minibatches
from bench.measure.moments import GROUPS, Moments
from bench.measure.reference import Reference
from bench.measure.replicates import Replicator
from bench.statistics.intervals import Interval, product
from estimators.base import Estimator
from tasks.base import Task

Progress = Callable[[float], None]
"""Called with the share of a measurement that is done, in [0, 1]."""

_DRAWS_PER_BATCH = 4


@dataclass(frozen=True)
class Precision:
    """When to stop drawing: at `replicates`, or at relative half-width `variance` of its interval, or at `cap`."""

    replicates: int | None
    variance: float
    cap: int


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
    task: Task,
    estimator: Estimator,
    samples: int,
    x: Tensor,
    batches: Sequence[Tensor],
    reference: Reference | None,
    evidence: Reference | None,
    precision: Precision,
    seed: int,
    identity: Sequence[object],
    progress: Progress = lambda share: None,
) -> Measured:
    """Measure an estimator at a task's present parameters, on the common batch x.

    Args:
        task: with the parameters to measure at.
        estimator: whose adaptive state stays as it is.
        samples: K.
        x: the batch, prepared (binarized) once.
        batches: other batches of the same size, for the part of the variance due to the choice of batch; none where
            every batch is the whole data set.
        reference: gradient of the estimator's target, None where nothing gives it.
        evidence: gradient of log p(x), None where nothing gives it.
        precision: when to stop.
        seed: of the replicates' random stream.
        identity: what the measured chunk size is remembered by.
        progress: told how far the replicates are.
    """
    replicator = Replicator(task, estimator, samples)
    chunk = chunk_size(replicator, x, *identity)
    with seeded(x.device, seed, "replicates"):
        moments, cosines = _accumulate(replicator, x, chunk, reference, precision, progress)
        split = _minibatch_split(replicator, batches, chunk)
    with seeded(x.device, seed, "cost"):
        cost = cost_metrics(task, replicator, x)
    metrics: dict[str, dict[str, Interval]] = {}
    for group, where in replicator.slices.items():
        found = gradient_metrics(moments, where, reference, evidence)
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
        reference.label if reference else "",
        evidence.label if evidence else "",
        _half_width(moments, replicator.slices["all"]),
        replicator.reason,
    )


def _accumulate(
    replicator: Replicator,
    x: Tensor,
    chunk: int,
    reference: Reference | None,
    precision: Precision,
    progress: Progress,
) -> tuple[Moments, Cosines | None]:
    moments = Moments(replicator.size, x.dtype, x.device)
    cosines = Cosines(reference, replicator.slices) if reference is not None else None
    everything = replicator.slices["all"]
    # Every group of the jackknife needs two replicates, so that each has a variance of its own.
    limit = max(precision.replicates or precision.cap, 2 * GROUPS)
    if chunk < 2 * GROUPS:
        # Such a chunk goes to one group as a whole, and every group must get one.
        chunk = min(chunk, limit // GROUPS)
    look = limit if precision.replicates is not None else min(limit, first_look(chunk))
    while moments.replicates < limit:
        while moments.replicates < look:
            gradients = replicator.draw(x, min(chunk, look - moments.replicates))
            dealt = moments.update(gradients)
            if cosines is not None:
                cosines.update(gradients, dealt)
            progress(moments.replicates / limit)
        if precision.replicates is None:
            width = _half_width(moments, everything)
            if width <= precision.variance:
                break
            look = min(limit, next_look(moments.replicates, width / precision.variance))
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
