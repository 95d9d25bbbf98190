"""Estimators of somebody else's that return what they must not, and a task without exact answer or reference."""

from typing import Any, Literal, final

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import Detached
from tasks.base import Data, Task
from tasks.toys.gaussian import GaussianQuadratic

What = Literal[
    "right", "tuple", "nothing", "tensor", "unaveraged", "scalar", "number", "detached", "auxiliary", "error"
]


@final
class Returns(Estimator):
    """REINFORCE, or something else."""

    targets = ("expectation",)

    def __init__(self, what: What = "right") -> None:
        super().__init__()
        self.what = what

    def estimate(self, task: Task, x: Tensor, samples: int) -> Any:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        objective, surrogate = f.mean(0), (f * run.log_q).mean(0)
        returned = {
            "right": Estimate(objective, surrogate),
            "tuple": (objective, surrogate),
            "nothing": None,
            "tensor": surrogate,
            "unaveraged": Estimate(objective, f * run.log_q),
            "scalar": Estimate(f.mean(), surrogate),
            "number": Estimate(float(f.mean()), surrogate),  # pyright: ignore[reportArgumentType]
            "detached": Estimate(objective, surrogate.detach()),
            "auxiliary": Estimate(objective, surrogate, surrogate),
        }
        return returned[self.what]


@final
class Inexact(Task):
    """The quadratic toy, had nobody worked out its expectation."""

    target = "expectation"
    maximise = False
    dtype = GaussianQuadratic.dtype

    def __init__(self) -> None:
        super().__init__()
        toy = GaussianQuadratic()
        self.guide, self.model = toy.guide, toy.model

    def load(self) -> Data:
        return GaussianQuadratic().load()
