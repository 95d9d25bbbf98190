"""Estimators that are right in their mean, and peculiar otherwise."""

from torch import Tensor

from estimators.base import Estimate
from tasks.base import Task
from tests.museum.protocol import Plain


class Modest(Plain):
    """Declared biased, and is not."""

    unbiased = False


class Raises(Plain):
    """Accepts a task and fails on it."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        raise ZeroDivisionError("no such luck")


class RefusesBadly(Plain):
    """Refuses by another error than Unfit."""

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        raise KeyError("what?")


class OneByOne(Plain):
    """Branches on a value, which `vmap` cannot do."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return right if float(right.objective.sum()) > -1e9 else Estimate(right.objective, -right.surrogate)
