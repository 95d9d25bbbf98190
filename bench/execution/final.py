"""What is recorded of a cell's trained parameters."""

from collections.abc import Callable
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
        progress: told the share of the test bounds that is done.
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
        objective = evaluate_objective(task, data, cell.seed)
        values |= {"objective": objective.value, "objective_se": objective.se}
    plain = task.evaluated().eval()
    train = evaluate_train(plain, data, cell.seed)
    values |= {"train_elbo": train.value, "train_elbo_se": train.se}
    evidence = evaluate_evidence(plain, data, train)
    if evidence is not None:
        gap = evidence.gap
        values |= {"log_evidence": evidence.log_evidence, "gap": gap.value, "gap_se": gap.se}
        if wrong := above_evidence(plain, data, train, evidence, cell.seed):
            warn(wrong)
    if len(data.test) == 0:
        return values
    samples = cell.measurement.evaluation_samples
    test = evaluate_bounds(plain, data.test, samples, cell.seed, "test", progress)
    return values | {
        "test_elbo": test.elbo.value,
        "test_elbo_se": test.elbo.se,
        "test_log_likelihood": test.log_likelihood.value,
        "test_log_likelihood_se": test.log_likelihood.se,
        "evaluation_samples": samples,
        "active_units": active_units(plain, data.test, cell.seed),
    }
