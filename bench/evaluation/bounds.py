"""One evaluator for all: the same bounds with the same number of samples, whatever an estimator trained on."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor

from bench.evaluation.points import Points
from bench.evaluation.split import divergence
from bench.machine.capacity import free_memory
from bench.machine.device import in_memory, observations
from bench.machine.streams import seeded
from estimators.base import evaluate as run_guide
from estimators.draw import Detached
from tasks.base import Data, GlobalModel, Task

_PAIRS_AT_ONCE: Final = 10_000
"""Pairs of a datapoint and a sample that a CPU evaluates at once, so that they stay near its cache."""

_BYTES_PER_PAIR: Final = 1 << 16
"""Memory of a GPU per pair: some twenty arrays of 784 pixels."""

_TRAIN_POINTS: Final = 2_000
_TRAIN_SAMPLES: Final = 10
_GLOBAL_SAMPLES: Final = 1_000
_EXPECTATION_SAMPLES: Final = 100_000


@dataclass(frozen=True)
class Mean:
    """A mean over datapoints (or samples) with its standard error."""

    value: float
    se: float


@dataclass(frozen=True)
class Elbo(Mean):
    """An ELBO, and what it is made of at the same draws: `reconstruction` − `kl`, up to rounding.

    Attributes:
        reconstruction: E_q log p(x|z); None where log p(x, z) does not split.
        kl: KL(q(z|x) ‖ p(z)), by Monte Carlo; likewise.
    """

    reconstruction: Mean | None = None
    kl: Mean | None = None


@dataclass(frozen=True)
class Bounds:
    """ELBO and importance-weighted log-likelihood bound of one data split, per datapoint in nats.

    Attributes:
        elbo: of the split.
        log_likelihood: L_K of the split.
        points: of its datapoints.
    """

    elbo: Elbo
    log_likelihood: Mean
    points: Points


def evaluate_bounds(
    task: Task, rows: Tensor, samples: int, seed: int, purpose: str, progress: Callable[[float], None]
) -> Bounds:
    """Return the ELBO and L_K, K = `samples`, of stored rows [N, ...], the same draws for the same seed.

    The standard errors are over datapoints, and so contain the Monte Carlo error of each datapoint.

    Where the rows share their latents, q(z) is what the training rows say of z, and the rows are new ones: the bounds
    are those of log p(rows | training rows) with q for the posterior, Σ_m E_q log p(x_m|z) and Σ_m log E_q p(x_m|z).
    """
    if isinstance(task.model, GlobalModel):
        return _predictions(task, task.model, rows, samples, seed, purpose, progress)
    parts, kls, log_weight, kl = list[Points](), list[Tensor](), torch.empty(0), torch.empty(0)
    with seeded(rows.device, seed, "evaluate", purpose), torch.no_grad():
        for done, values in _averaged(task, rows, samples, _pairs_at_once(rows.device)):
            log_weight, kl = values.cpu().double()
            parts.append(Points.of(log_weight))
            kls.append(kl.mean(0))
            progress(done)
    points = Points.joined(parts)
    if len(rows) == 1:
        # Standard errors can only be over samples.
        bound = Mean(float(points.log_likelihood), float(points.log_likelihood_se))
        return Bounds(_elbo(log_weight[:, 0], kl[:, 0]), bound, points)
    return Bounds(_elbo(points.elbo, torch.cat(kls)), _mean(points.log_likelihood), points)


def _predictions(
    task: Task,
    model: GlobalModel,
    rows: Tensor,
    samples: int,
    seed: int,
    purpose: str,
    progress: Callable[[float], None],
) -> Bounds:
    parts = []
    with seeded(rows.device, seed, "evaluate", purpose), torch.no_grad():
        x = observations(task, rows)

        def drawn(count: int) -> Tensor:
            draw = Detached(count)
            task.guide(x, draw)
            return model.log_likelihood(x, draw.trace.latents)[:, 0]

        for done, values in _by_samples(drawn, rows, samples):
            parts.append(values.cpu())
            progress(done)
    points = Points.of(torch.cat(parts).double())
    elbo = _total(points.elbo)
    return Bounds(Elbo(elbo.value, elbo.se), _total(points.log_likelihood), points)


def train_rows(task: Task, data: Data) -> Tensor:
    """Return the stored rows that the training ELBO is evaluated on: at most 2000, but all that share their latents."""
    rows = data.train
    if isinstance(task.model, GlobalModel) or len(rows) <= _TRAIN_POINTS:
        return rows
    with seeded(rows.device, "training points"):
        return rows[torch.randperm(len(rows), device=rows.device)[:_TRAIN_POINTS]]


def evaluate_train(task: Task, data: Data, seed: int) -> Elbo:
    """Return the training ELBO: of at most 2000 points, 10 samples each; where rows share latents, of all, 1000."""
    rows = train_rows(task, data)
    if not isinstance(task.model, GlobalModel):
        return evaluate_bounds(task, rows, _TRAIN_SAMPLES, seed, "train", lambda share: None).elbo
    with seeded(rows.device, seed, "evaluate", "train"), torch.no_grad():
        x = observations(task, rows)
        drawn = _by_samples(lambda count: _run(task, x, count)[:, :, 0].T, rows, _GLOBAL_SAMPLES)
        return _elbo(*torch.cat([values.cpu() for _, values in drawn]).double().T)


def evaluate_objective(task: Task, rows: Tensor, seed: int, purpose: str) -> Mean:
    """Return E log p(x|z) − β KL(q ‖ p) of stored rows [N, ...], 10 samples each, the same draws for the same seed."""
    elbo = evaluate_bounds(task, rows, _TRAIN_SAMPLES, seed, purpose, lambda share: None).elbo
    # What a task with β ≠ 1 gives is the ELBO of a tempered likelihood.
    return Mean(task.beta * elbo.value, task.beta * elbo.se)


def evaluate_expectation(task: Task, data: Data, seed: int) -> Mean:
    """Return the value of an `expectation` task: exact if the task has it, else by Monte Carlo."""
    with torch.no_grad():
        x = observations(task, data.train)
        exact = task.exact(task.target, x, 1)
        if exact is not None:
            return Mean(float(exact.mean()), 0.0)
        with seeded(x.device, seed, "evaluate"):
            pairs = _EXPECTATION_SAMPLES * len(data.train)
            parts = [values[0].cpu() for _, values in _averaged(task, data.train, _EXPECTATION_SAMPLES, pairs)]
            return _mean(torch.cat(parts, 1).double().mean(1))


def _pairs_at_once(device: torch.device) -> int:
    if device.type == "cpu":
        return _PAIRS_AT_ONCE
    # A power of two: what is free is not the same to the byte in every run, and how many are drawn at once decides what
    # is drawn.
    return max(_PAIRS_AT_ONCE, 1 << (free_memory(device) // _BYTES_PER_PAIR).bit_length() >> 1)


def _averaged(task: Task, rows: Tensor, samples: int, pairs: int) -> Iterator[tuple[float, Tensor]]:
    """Give what `_run` returns for some rows after the others, [2, K, b], and the share that is done then.

    `pairs` of a datapoint and a sample are evaluated at once, and half of them from then on where memory runs out.
    """
    start = 0
    while start < len(rows):
        part = rows[start : start + max(1, pairs // samples)]
        values = in_memory(partial(_values, task, part, samples, pairs), pairs > 1)
        if values is None:
            pairs = min(pairs, len(part) * samples) // 2
            continue
        start += len(part)
        yield start / len(rows), values


def _values(task: Task, rows: Tensor, samples: int, pairs: int) -> Tensor:
    """Return what `_run` does, [2, K, b], by at most `pairs` samples of a datapoint at once."""
    x = observations(task, rows)
    counts = [min(pairs, samples - done) for done in range(0, samples, pairs)]
    return torch.cat([_run(task, x, count) for count in counts], 1)


def _run(task: Task, x: Tensor, count: int) -> Tensor:
    """Return what is averaged over the guide, and log q − log p(z) at the same draws, [2, K, b]."""
    run = run_guide(task, x, Detached(count))
    return torch.stack([run.f, divergence(task, x, run)])


def _by_samples(work: Callable[[int], Tensor], rows: Tensor, samples: int) -> Iterator[tuple[float, Tensor]]:
    """Give what `work` returns for a count of samples at all rows, until there are enough; with the share then done."""
    at_once, done = max(1, _pairs_at_once(rows.device) // len(rows)), 0
    while done < samples:
        count = min(at_once, samples - done)
        values = in_memory(partial(work, count), count > 1)
        if values is None:
            at_once = count // 2
            continue
        done += count
        yield done / samples, values


def _total(values: Tensor) -> Mean:
    """Return the sum of values of independent rows."""
    mean = _mean(values)
    return Mean(len(values) * mean.value, len(values) * mean.se)


def _elbo(values: Tensor, kl: Tensor) -> Elbo:
    """Return the mean of ELBOs, and of the two parts that each has, where it has them."""
    mean = _mean(values)
    if not bool(kl.isfinite().all()):
        return Elbo(mean.value, mean.se)
    return Elbo(mean.value, mean.se, _mean(values + kl), _mean(kl))


def _mean(values: Tensor) -> Mean:
    se = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return Mean(float(values.mean()), se)
