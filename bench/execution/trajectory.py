"""The reference trajectory: common parameters at which several estimators are measured (`--at shared`)."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from bench.errors import UsageError
from bench.machine.device import observations
from bench.machine.streams import seeded
from bench.names.building import named_reference
from bench.names.registry import ESTIMATORS
from bench.names.source import source_of
from bench.names.spec import Spec, parse_spec
from bench.results.atomic import replacing
from bench.settings import Cell, cell_id
from bench.training.diverged import Diverged
from bench.training.exact_gradient import ExactGradient
from bench.training.trainer import Trainer
from estimators.base import Estimator
from tasks.base import Data, Task

Snapshots = dict[int, dict[str, Any]]
"""A task's state by training step."""


def _reference_estimator(task: Task, x: Tensor) -> tuple[str, Estimator] | None:
    """Return the name and an instance of what trains on a task's target best: its exact gradient, else a stand-in."""
    if task.exact(task.target, x, 1) is not None:
        return "exact", ExactGradient()
    return named_reference(task, task.target, x)


def require_reference(spec: Spec, task: Task, x: Tensor) -> None:
    """Refuse a task that nothing could train a reference trajectory on.

    Raises:
        UsageError: it says what the task's class lacks.
    """
    if _reference_estimator(task, x) is None:
        raise UsageError(
            f"several estimators are measured along one training, and nothing says by which gradient task '{spec}' is "
            f'trained: write references = {{"{task.target}": "reinforce"}} in its class, with an unbiased estimator '
            "that fits it, or give `--at own`, and each is measured along its own training"
        )


def reference_trajectory(
    cell: Cell, task: Task, data: Data, steps: list[int], out: Path, source: str, progress: Callable[[int], None]
) -> tuple[str, Snapshots]:
    """Return the name of the estimator that trained the trajectory, and the task's state at each of `steps`.

    The trajectory is trained once for a task, its source, its training settings and a seed, and kept in the results
    folder.
    """
    x = observations(task, data.train[:1])
    found = _reference_estimator(task, x)
    assert found is not None, "the plan has asked for it"
    name, estimator = found
    identity = cell.identity()
    for key in ("estimator", "estimator_parameters", "estimator_version", "samples", "measurement"):
        del identity[key]
    sources = {"source": source, "source_by": source_of(ESTIMATORS, parse_spec(name))}
    identity |= {key: value for key, value in sources.items() if value}
    file = out / cell.task_folder / f"trajectory-{cell_id({**identity, 'by': name, 'steps': steps})}.pt"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if file.exists():
            return name, torch.load(file, map_location=data.train.device, weights_only=True)
        snapshots = _train(cell, task, estimator, data, steps, progress)
        with replacing(file) as stream:
            torch.save(snapshots, stream)
    return name, snapshots


def _train(
    cell: Cell, task: Task, estimator: Estimator, data: Data, steps: list[int], progress: Callable[[int], None]
) -> Snapshots:
    task = copy.deepcopy(task)
    trainer = Trainer(task, estimator, data, cell.training, samples=estimator.minimum_samples)
    snapshots: Snapshots = {}
    with seeded(data.train.device, cell.seed, "trajectory"):
        for step in steps:
            try:
                for at in trainer.run(step):
                    progress(at)
            except Diverged:
                break
            snapshots[step] = copy.deepcopy(task.state_dict())
    return snapshots
