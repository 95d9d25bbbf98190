"""One evaluator for everybody: the same bounds with the same number of samples, whatever an estimator trained on."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from bench.device import observations
from bench.random import seeded
from estimators.base import evaluate as run_guide
from estimators.draw import Detached
from tasks.base import Data, GlobalModel, Task

_ROWS_AT_ONCE: Final = {"cpu": 10_000, "cuda": 500_000}
"""Pairs of a datapoint and a sample that are evaluated at once."""

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
class Bounds:
    """ELBO and importance-weighted log-likelihood bound of one data split, per datapoint in nats."""

    elbo: Mean
    log_likelihood: Mean


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
    log_weights = []
    with seeded(rows.device, seed, "evaluate", purpose), torch.no_grad():
        for done, x in _batches(task, rows, samples):
            log_weights.append(run_guide(task, x, Detached(samples)).f.cpu())
            progress(done)
    log_weight = torch.cat(log_weights, 1).double()
    if len(rows) == 1:
        return _single_datapoint(log_weight[:, 0])
    return Bounds(_mean(log_weight.mean(0)), _mean(torch.logsumexp(log_weight, 0) - math.log(samples)))


def _single_datapoint(log_weight: Tensor) -> Bounds:
    """Return the bounds of one datapoint, whose standard errors can only be over samples."""
    weight = (log_weight - log_weight.max()).exp()
    bound = torch.logsumexp(log_weight, 0) - math.log(len(log_weight))
    # The delta method: the relative error of the mean weight is the error of its logarithm.
    error = weight.std() / weight.mean() / math.sqrt(len(weight))
    return Bounds(_mean(log_weight), Mean(float(bound), float(error)))


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
        for done, count in _sample_counts(rows, samples):
            draw = Detached(count)
            task.guide(x, draw)
            parts.append(model.log_likelihood(x, draw.trace.latents)[:, 0].cpu())
            progress(done)
    log_likelihood = torch.cat(parts).double()
    predictive = torch.logsumexp(log_likelihood, 0) - math.log(samples)
    return Bounds(_total(log_likelihood.mean(0)), _total(predictive))


def train_rows(task: Task, data: Data) -> Tensor:
    """Return the stored rows that the training ELBO is evaluated on: at most 2000, but all that share their latents."""
    rows = data.train
    if isinstance(task.model, GlobalModel) or len(rows) <= _TRAIN_POINTS:
        return rows
    with seeded(rows.device, "training points"):
        return rows[torch.randperm(len(rows), device=rows.device)[:_TRAIN_POINTS]]


def evaluate_train(task: Task, data: Data, seed: int) -> Mean:
    """Return the training ELBO: of at most 2000 points, 10 samples each; where rows share latents, of all, 1000."""
    rows = train_rows(task, data)
    if not isinstance(task.model, GlobalModel):
        return evaluate_bounds(task, rows, _TRAIN_SAMPLES, seed, "train", lambda share: None).elbo
    with seeded(rows.device, seed, "evaluate", "train"), torch.no_grad():
        x = observations(task, rows)
        parts = [run_guide(task, x, Detached(count)).f[:, 0] for _, count in _sample_counts(rows, _GLOBAL_SAMPLES)]
    return _mean(torch.cat(parts).double().cpu())


def evaluate_expectation(task: Task, data: Data, seed: int) -> Mean:
    """Return the value of an `expectation` task: exact where the task has it, else by Monte Carlo."""
    with torch.no_grad():
        x = observations(task, data.train)
        exact = task.exact(task.target, x, 1)
        if exact is not None:
            return Mean(float(exact.mean()), 0.0)
        with seeded(x.device, seed, "evaluate"):
            return _mean(run_guide(task, x, Detached(_EXPECTATION_SAMPLES)).f.double().mean(1).cpu())


def _batches(task: Task, rows: Tensor, samples: int) -> Iterator[tuple[float, Tensor]]:
    size = max(1, _ROWS_AT_ONCE[rows.device.type] // samples)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        yield (start + len(part)) / len(rows), observations(task, part)


def _sample_counts(rows: Tensor, samples: int) -> Iterator[tuple[float, int]]:
    """Yield how many samples to evaluate all rows at, at once, until there are enough; with the share then done."""
    size = max(1, _ROWS_AT_ONCE[rows.device.type] // len(rows))
    for start in range(0, samples, size):
        count = min(size, samples - start)
        yield (start + count) / samples, count


def _total(values: Tensor) -> Mean:
    """Return the sum of values of independent rows."""
    mean = _mean(values)
    return Mean(len(values) * mean.value, len(values) * mean.se)


def _mean(values: Tensor) -> Mean:
    se = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return Mean(float(values.mean()), se)
