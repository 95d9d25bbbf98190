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
from tasks.base import Data, Task

_ROWS_AT_ONCE: Final = {"cpu": 10_000, "cuda": 500_000}
"""Pairs of a datapoint and a sample that are evaluated at once."""

_TRAIN_POINTS: Final = 2_000
_TRAIN_SAMPLES: Final = 10
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
    """
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


def evaluate_train(task: Task, data: Data, seed: int) -> Mean:
    """Return the training ELBO on at most 2000 training points, 10 samples each."""
    rows = data.train
    if len(rows) > _TRAIN_POINTS:
        with seeded(rows.device, "training points"):
            rows = rows[torch.randperm(len(rows), device=rows.device)[:_TRAIN_POINTS]]
    return evaluate_bounds(task, rows, _TRAIN_SAMPLES, seed, "train", lambda share: None).elbo


def evaluate_objective(task: Task, data: Data, seed: int) -> Mean:
    """Return E log p(x|z) − β KL(q ‖ p) of the test data, 10 samples each."""
    elbo = evaluate_bounds(task, data.test, _TRAIN_SAMPLES, seed, "objective", lambda share: None).elbo
    # What a task with β ≠ 1 gives is the ELBO of a tempered likelihood.
    return Mean(task.beta * elbo.value, task.beta * elbo.se)


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


def _mean(values: Tensor) -> Mean:
    se = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return Mean(float(values.mean()), se)
