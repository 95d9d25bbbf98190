"""From a spec to a task or an estimator that can be run.

What is random in them is drawn from PyTorch's own generator of the CPU, which the caller has seeded: it is the same on
every device, whatever else is drawn there.
"""

import torch
from torch import Tensor

from bench.errors import UsageError
from bench.machine.device import CPU
from bench.machine.memory import enough_memory
from bench.machine.streams import seeded
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec, parse_spec
from estimators.base import Estimator
from tasks.base import Data, Target, Task
from tasks.data import DataUnavailable
from tasks.data.files import parameter_of


def build_task(spec: Spec, data: Data | None = None, dtype: torch.dtype | None = None) -> Task:
    """Return a task at its initial parameters, on the CPU.

    Args:
        spec: its name and parameters.
        data: what the initial parameters depend on; without, they wait for `Task.initialise`.
        dtype: of the parameters; the task's own unless given.

    Raises:
        UsageError: see `Registry.build`.
    """
    task = TASKS.build(spec)
    if data is not None:
        task.initialise(data)
    return task.to(dtype or task.dtype)


def load_data(spec: Spec, task: Task) -> Data:
    """Return the data of the task that a spec names.

    Raises:
        DataUnavailable: they are not there.
        UsageError: they need more memory than there is, or `load` of somebody's own task fails or returns no `Data`.
    """
    with TASKS.guarded(spec, "cannot load its data"), enough_memory(str(spec)):
        data = task.load()
    if not isinstance(data, Data):
        raise UsageError(f"`load` of task '{spec}' returned {type(data).__name__}; it must return tasks.base.Data")
    return data


def require_content(spec: Spec, dataset: str, data: Data) -> None:
    """Refuse data from a file of the user's that holds something else than the data set of this name was made of.

    Raises:
        DataUnavailable: with what to do.
    """
    own = parameter_of(dataset)
    if own and data.name != dataset:
        raise DataUnavailable(
            f"{spec.parameters.get(own)} of {spec.name} has changed: the cell was run on {dataset}, but this is "
            f"{data.name}; restore the earlier file, or give the command again, which makes new cells"
        )


def build_estimator(spec: Spec, task: Task, x: Tensor) -> Estimator:
    """Return an estimator whose learned parts fit a task, in the type and on the device of observations x [B, ...].

    Raises:
        UsageError: see `Registry.build`.
    """
    estimator = ESTIMATORS.build(spec)
    estimator.prepare(task, x)
    return estimator.to(x)


def named_reference(task: Task, target: Target, x: Tensor) -> tuple[str, Estimator] | None:
    """Return the unbiased estimator that a task names for a target, and its name; None where it names none."""
    if target not in task.references:
        return None
    name = task.references[target]
    with seeded(CPU, "reference estimator", name):
        return name, build_estimator(parse_spec(name), task, x)
