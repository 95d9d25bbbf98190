"""Does an estimator fit a task? One answer, for `bench run` that refuses misfits and for `bench list --matrix`."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from torch import Tensor

from bench.machine.device import observations
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from bench.training.tempered import tempered
from estimators.base import Estimator, Unfit
from estimators.distributions import Unsupported
from tasks.base import Data, GlobalModel, Task

_LINEAR: Final = ("elbo", "smoothed")
"""Targets that are linear in log p(x, z)."""

_REGISTER: Final = "the docstring of estimators.distributions says how to register what is missing"


@dataclass(frozen=True)
class Ground:
    """A task that estimators are asked about: by which name, with which data, in minibatches of how many rows."""

    spec: Spec
    task: Task
    data: Data
    batch_size: int

    @cached_property
    def x(self) -> Tensor:
        """One observation."""
        return observations(self.task, self.data.train[:1])


def default_samples(task: Task, estimator: Estimator) -> int:
    """Return the default K: the task's, or as many as the estimator needs."""
    return max(task.defaults.samples, estimator.minimum_samples)


def misfit(ground: Ground, spec: Spec, estimator: Estimator, samples: int) -> str | None:
    """Return why an estimator cannot be run with K = `samples`, or None where it can.

    Raises:
        UsageError: code of somebody else's fails where it is asked.
    """
    task, on = ground.task, f"fails when it is asked whether {spec} fits it"
    passing = (Unfit, Unsupported)
    try:
        with (
            TASKS.guarded(ground.spec, on, *passing),
            ESTIMATORS.guarded(spec, f"fails when it is asked whether it fits {ground.spec}", *passing),
        ):
            estimator.require(task, ground.x, samples)
            _require_whole(ground, estimator)
    except Unfit as reason:
        return str(reason)
    except Unsupported as lacking:
        return f"{estimator.called} does not fit {task.called}: {lacking}; {_REGISTER}"
    return None


def misfit_weighed(ground: Ground, spec: Spec, estimator: Estimator, samples: int) -> str | None:
    """Return why an estimator that fits a task cannot be trained on it with a weight of the divergence, or None.

    Raises:
        UsageError: code of somebody else's fails where it is asked.
    """
    try:
        seen = tempered(ground.task, estimator)
        with ESTIMATORS.guarded(spec, f"fails on {ground.spec} with --kl-warmup", Unfit, Unsupported):
            estimator.require(seen, ground.x, samples)
    except (Unfit, Unsupported) as reason:
        return str(reason)
    return None


def _require_whole(ground: Ground, estimator: Estimator) -> None:
    """Raise `Unfit` where minibatches cannot stand for the whole data set: see `GlobalModel`."""
    target, count = estimator.target(ground.task), len(ground.data.train)
    if isinstance(ground.task.model, GlobalModel) and target not in _LINEAR and ground.batch_size < count:
        raise Unfit(
            f"{estimator.called} aims at {target}, which minibatches of {ground.batch_size} rows cannot estimate "
            f"without bias; give --batch-size {count}, all rows"
        )
