"""The exact gradient by enumeration of discrete latents."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.distributions import Unsupported
from estimators.draw import Replayed, joint_states
from tasks.base import Task


@final
class Enumerate(Estimator):
    """∇ Σ_z q_φ(z|x) f(z) over every joint state z of the discrete latents.

    Requirements: discrete latents with at most 4096 joint states. Bias and variance: none.
    Cost: one evaluation per joint state; K is ignored.
    """

    targets = ("expectation", "elbo")
    latents = "enumerable"
    zero_variance = "always"
    formula = "∇_φ Σ_z q(z|x) f(z)"
    paper = "exact; see Mohamed et al. 2020, section 3"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Replayed(joint_states(task.guide, x)))
        value = (run.log_q.exp() * run.f).sum(0)
        return Estimate(value.detach(), value)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        try:
            joint_states(task.guide, x[:1])
        except Unsupported as reason:
            raise Unfit(f"enumerate does not fit {task.called}: {reason}") from reason
