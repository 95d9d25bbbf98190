"""Score functions: a sign, K/(K−1) forgotten, a baseline that contains the current sample."""

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import Detached
from tasks.base import Task


class WrongSign(Estimator):
    """−f · ∇ log q. The correct twin is `reinforce`."""

    targets = ("expectation", "elbo")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        return Estimate(f.mean(0), (run.model_value - f * run.log_q).mean(0))


class MeanOfAll(Estimator):
    """The mean of all K costs as baseline: the gradient shrinks by (K−1)/K. The correct twin is `reinforce-loo`."""

    targets = ("expectation", "elbo")
    minimum_samples = 2

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        return Estimate(f.mean(0), ((f - f.mean(0)) * run.log_q + run.model_value).mean(0))


class UpdatedBeforeRead(Estimator):
    """A moving average that contains the current samples: the gradient shrinks by (1 − decay)/(K B).

    The correct twin is `reinforce-ema`.
    """

    targets = ("expectation", "elbo")
    average: Tensor

    def __init__(self, decay: float = 0.9) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("average", torch.zeros(()))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        baseline = self.decay * self.average + (1 - self.decay) * f.mean()
        return Estimate(f.mean(0), ((f - baseline) * run.log_q + run.model_value).mean(0))

    def observe(self, estimate: Estimate) -> None:
        self.average.mul_(self.decay).add_((1 - self.decay) * estimate.objective.mean())
