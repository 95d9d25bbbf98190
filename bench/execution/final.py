"""What is recorded of a cell's trained parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.evaluation.active_units import active_units
from bench.evaluation.bounds import (
    Elbo,
    Mean,
    evaluate_bounds,
    evaluate_expectation,
    evaluate_objective,
    evaluate_train,
)
from bench.evaluation.evidence import above_evidence, evaluate_evidence
from bench.evaluation.mode import evaluating
from bench.evaluation.perplexity import evaluate_perplexity
from bench.evaluation.points import Points
from bench.settings import Cell
from tasks.base import Data, Task


@dataclass(frozen=True)
class Evaluated:
    """What trained parameters are worth.

    Attributes:
        values: by field of `Final`.
        points: the bounds of the single test rows; None where there are none.
    """

    values: dict[str, Any]
    points: Points | None = None


def evaluated(
    cell: Cell, task: Task, data: Data, progress: Callable[[float], None], warn: Callable[[str], None]
) -> Evaluated:
    """Return the final values that are about the trained parameters of a task, in `eval` mode.

    Args:
        cell: which seed, and how many samples.
        task: with the parameters.
        data: of the task.
        progress: told the share of the bounds of held-back and test rows that is done.
        warn: told what a reader of the values should know.
    """
    with evaluating(task):
        return _values(cell, task, data, progress, warn)


def _values(
    cell: Cell, task: Task, data: Data, progress: Callable[[float], None], warn: Callable[[str], None]
) -> Evaluated:
    if task.target == "expectation":
        objective = evaluate_expectation(task, data, cell.seed)
        return Evaluated(_value("objective", objective))
    values: dict[str, Any] = {}
    if task.beta != 1:
        objective = evaluate_objective(task, data.test, cell.seed, "objective")
        values |= _value("objective", objective)
        if data.validation is not None:
            held = evaluate_objective(task, data.validation, cell.seed, "validation objective")
            values |= _value("validation_objective", held)
    plain = task.evaluated().eval()
    train = evaluate_train(plain, data, cell.seed)
    values |= _elbo("train", train)
    evidence = evaluate_evidence(plain, data, train)
    if evidence is not None:
        values |= {"log_evidence": evidence.log_evidence} | _value("gap", evidence.gap)
        if wrong := above_evidence(plain, data, train, evidence, cell.seed):
            warn(wrong)
    splits = {"validation": data.validation, "test": data.test}
    there = {split: rows for split, rows in splits.items() if rows is not None and len(rows)}
    samples, points = cell.measurement.evaluation_samples, None
    for done, (split, rows) in enumerate(there.items()):
        so_far = partial(_part, progress, done, len(there))
        bounds = evaluate_bounds(plain, rows, samples, cell.seed, split, so_far)
        values |= _elbo(split, bounds.elbo) | _value(f"{split}_log_likelihood", bounds.log_likelihood)
        values |= _value(f"{split}_perplexity", evaluate_perplexity(plain, rows, bounds))
        values["evaluation_samples"] = samples
        points = bounds.points if split == "test" else None
    if points is not None:
        values["active_units"] = active_units(plain, data.test, cell.seed)
    return Evaluated(values, points)


def _elbo(split: str, elbo: Elbo) -> dict[str, Any]:
    """Return an ELBO and what it is made of."""
    parts = {"elbo": elbo, "reconstruction": elbo.reconstruction, "kl": elbo.kl}
    return {name: value for part, mean in parts.items() for name, value in _value(f"{split}_{part}", mean).items()}


def _value(name: str, mean: Mean | None) -> dict[str, float]:
    """Return a value with its standard error, if there is one."""
    return {} if mean is None else {name: mean.value, f"{name}_se": mean.se}


def _part(progress: Callable[[float], None], done: int, parts: int, share: float) -> None:
    """Tell the share of one part after others as that of all."""
    progress((done + share) / parts)
