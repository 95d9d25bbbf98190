"""Estimators that are awkward to batch."""

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import Detached
from tasks.base import Task


class Branching(Estimator):
    """REINFORCE that looks at a value in Python, which `vmap` cannot."""

    targets = ("expectation", "elbo")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        sign = 1.0 if f.mean().item() > -1e9 else -1.0
        return Estimate(f.mean(0), (sign * f * run.log_q + run.model_value).mean(0))
