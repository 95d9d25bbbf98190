"""Training on what is known exactly, without noise."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator
from tasks.base import Task


@final
class ExactGradient(Estimator):
    """Ascends a task's own exact value; what trains the reference trajectory where the task has one."""

    targets = ("elbo", "expectation")
    formula = "∇ of the exact value"
    paper = "the task's closed form"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = task.exact(task.target, x, samples)
        if value is None:
            raise ValueError(f"{type(task).__name__} has no exact {task.target}")
        return Estimate(value.detach(), value)
