"""How far a trained ELBO is below the exact log evidence, where a task has that."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from bench.evaluation.bounds import Mean, evaluate_bounds, train_rows
from bench.machine.device import observations
from tasks.base import Data, GlobalModel, Target, Task

_ROWS_AT_ONCE: Final = 100

_STANDARD_ERRORS: Final = 5
_ROUNDING: Final = 1e-5
"""Of a value in float32, relative to one plus its size."""
_SAMPLES: Final = 1_000


@dataclass(frozen=True)
class Evidence:
    """The exact log evidence of the training data that the ELBO was evaluated on, and its distance from the ELBO.

    Attributes:
        log_evidence: mean of log p(x), in the task's unit.
        gap: log p(x) − ELBO = KL(q(z|x) ‖ p(z|x)); its standard error is zero where the ELBO is exact too.
    """

    log_evidence: float
    gap: Mean


def evaluate_evidence(task: Task, data: Data, elbo: Mean) -> Evidence | None:
    """Return the exact log evidence in float64, or None where the task has none.

    Args:
        task: with its trained parameters.
        data: of the task.
        elbo: the estimated training ELBO, for a task without an exact one.
    """
    precise, rows = copy.deepcopy(task).double(), train_rows(task, data)
    log_evidence = _exact(precise, rows, "evidence")
    if log_evidence is None:
        return None
    exact_elbo = _exact(precise, rows, "elbo")
    gap = Mean(log_evidence - elbo.value, elbo.se) if exact_elbo is None else Mean(log_evidence - exact_elbo, 0.0)
    return Evidence(log_evidence, gap)


def above_evidence(task: Task, data: Data, elbo: Mean, evidence: Evidence, seed: int) -> str | None:
    """Return a sentence if the training ELBO is above the exact log p(x), which no bound can be; otherwise None.

    It has to be so by more than five standard errors, and again in fresh draws, a thousand of each datapoint: few draws
    of a skewed log weight may miss its tail.
    """
    log_evidence, gap = evidence.log_evidence, evidence.gap
    rounding = _ROUNDING * (1 + abs(log_evidence))
    if gap.se == 0 and gap.value < -rounding:
        return _above("the exact ELBO", f"{log_evidence - gap.value:.6g}", log_evidence)
    if not _exceeds(elbo, log_evidence, rounding):
        return None
    if not isinstance(task.model, GlobalModel):
        elbo = evaluate_bounds(task, train_rows(task, data), _SAMPLES, seed, "above", lambda share: None).elbo
    if not _exceeds(elbo, log_evidence, rounding):
        return None
    return _above("the training ELBO", f"{elbo.value:.6g} ± {elbo.se:.2g}", log_evidence)


def _exceeds(elbo: Mean, log_evidence: float, rounding: float) -> bool:
    return elbo.value - log_evidence > _STANDARD_ERRORS * elbo.se + rounding


def _above(what: str, value: str, log_evidence: float) -> str:
    return (
        f"{what}, {value}, is above the exact log p(x), {log_evidence:.6g}, which is impossible for a bound: the "
        f"task's log p(x, z) or its exact value is wrong"
    )


@torch.no_grad()
def _exact(task: Task, rows: Tensor, target: Target) -> float | None:
    values = []
    for part in _parts(task, rows):
        value = task.exact(target, observations(task, part), 1)
        # A quadrature that did not converge says so by NaN.
        if value is None or not bool(value.isfinite().all()):
            return None
        values.append(value)
    return float(torch.cat(values).mean())


def _parts(task: Task, rows: Tensor) -> Iterator[Tensor]:
    """Yield rows in parts that an enumeration has room for; all at once where they make up one observation."""
    yield from [rows] if isinstance(task.model, GlobalModel) else rows.split(_ROWS_AT_ONCE)
