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


class Scaled(Plain):
    """`scale` times the gradient of the ELBO, which it says is its target, as a package of others would write it."""

    targets = ("elbo",)

    def __init__(self, scale: float = 2.0) -> None:
        super().__init__()
        self.scale = scale

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        plain = super().estimate(task, x, samples)
        return Estimate(self.scale * plain.objective, self.scale * plain.surrogate)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        value = task.exact("elbo", x, samples)
        return None if value is None else self.scale * value
