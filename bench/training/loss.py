"""What one training step descends."""

from typing import final

from torch import Tensor, nn

from bench.training.tempered import Tempered
from estimators.base import Estimate, Estimator
from tasks.base import Task


@final
class Loss(nn.Module):
    """What one training step descends: a function of the parameters of a task and of an estimator.

    Args:
        task: whose parameters they are.
        estimator: of the gradient.
        samples: K.
        seen: what the estimator is given in place of the task, with the same parameters.
    """

    def __init__(self, task: Task, estimator: Estimator, samples: int, seen: Tempered | None = None) -> None:
        super().__init__()
        self.task, self.estimator, self.samples = task, estimator, samples
        self.seen = seen
        self._sign = -1.0 if task.maximise else 1.0
        # Looked up once: it takes as long as an operation.
        self._dtype = next(task.parameters()).dtype

    def forward(self, rows: Tensor) -> tuple[Tensor, Estimate]:
        """Return the loss, a scalar, and the estimate that it is made of, at stored rows [B, ...]."""
        task = self.seen or self.task
        estimate = self.estimator.estimate(task, task.prepare(rows).to(self._dtype), self.samples)
        loss = self._sign * estimate.surrogate.mean()
        return loss if estimate.auxiliary is None else loss + estimate.auxiliary, estimate

    def weigh(self, beta: float) -> None:
        """Set β, the weight of the divergence, where it has one."""
        if self.seen is not None:
            self.seen.model.beta.fill_(beta)
