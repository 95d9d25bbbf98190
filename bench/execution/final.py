"""What is recorded of a cell's trained parameters."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.evaluation.active_units import active_units
from bench.evaluation.bounds import evaluate_bounds, evaluate_expectation, evaluate_objective, evaluate_train
from bench.evaluation.evidence import above_evidence, evaluate_evidence
from bench.evaluation.mode import evaluating
from bench.settings import Cell
from tasks.base import Data, Task


def evaluated(
    cell: Cell, task: Task, data: Data, progress: Callable[[float], None], warn: Callable[[str], None]
) -> dict[str, Any]:
    """Return the final values, by field of `Final`, that are about the trained parameters of a task, in `eval` mode.

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
) -> dict[str, Any]:
    if task.target == "expectation":
        objective = evaluate_expectation(task, data, cell.seed)
        return {"objective": objective.value, "objective_se": objective.se}
    values: dict[str, Any] = {}
    if task.beta != 1:
        objective = evaluate_objective(task, data.test, cell.seed, "objective")
        values |= {"objective": objective.value, "objective_se": objective.se}
        if data.validation is not None:
            held = evaluate_objective(task, data.validation, cell.seed, "validation objective")
            values |= {"validation_objective": held.value, "validation_objective_se": held.se}
    plain = task.evaluated().eval()
    train = evaluate_train(plain, data, cell.seed)
    values |= {"train_elbo": train.value, "train_elbo_se": train.se}
    evidence = evaluate_evidence(plain, data, train)
    if evidence is not None:
        gap = evidence.gap
        values |= {"log_evidence": evidence.log_evidence, "gap": gap.value, "gap_se": gap.se}
        if wrong := above_evidence(plain, data, train, evidence, cell.seed):
            warn(wrong)
    splits = {"validation": data.validation, "test": data.test}
    there = {split: rows for split, rows in splits.items() if rows is not None and len(rows)}
    samples = cell.measurement.evaluation_samples
    for done, (split, rows) in enumerate(there.items()):
        so_far = partial(_part, progress, done, len(there))
        bounds = evaluate_bounds(plain, rows, samples, cell.seed, split, so_far)
        values |= {
            f"{split}_elbo": bounds.elbo.value,
            f"{split}_elbo_se": bounds.elbo.se,
            f"{split}_log_likelihood": bounds.log_likelihood.value,
            f"{split}_log_likelihood_se": bounds.log_likelihood.se,
            "evaluation_samples": samples,
        }
    return values | ({"active_units": active_units(plain, data.test, cell.seed)} if "test" in there else {})


def _part(progress: Callable[[float], None], done: int, parts: int, share: float) -> None:
    """Tell the share of one part after others as that of all."""
    progress((done + share) / parts)
