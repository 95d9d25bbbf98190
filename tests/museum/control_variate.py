"""A control variate whose gradient leaks into θ and φ, and a baseline's loss that does."""

import torch
from torch import Tensor, nn

from estimators.base import Estimate, Estimator, Evaluation, evaluate
from estimators.draw import Detached
from tasks.base import Task


class BaselineAtTheMean(Estimator):
    """(f − b) ∇ log q, with b = log p(x, z) at the guide's mean, a value and nothing else."""

    targets = ("expectation", "elbo")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        signal = f - self.baseline(task, x, run)
        return Estimate(f.mean(0), (signal * run.log_q + run.model_value).mean(0))

    def baseline(self, task: Task, x: Tensor, run: Evaluation) -> Tensor:
        """Return b, [1, B]."""
        return _at_the_mean(task, x, run).detach()


class BaselineLeaks(BaselineAtTheMean):
    """b is not detached: −log q · ∇_θ b reaches the model."""

    def baseline(self, task: Task, x: Tensor, run: Evaluation) -> Tensor:
        return _at_the_mean(task, x, run)


class LearnedBaseline(Estimator):
    """(f − ψ b) ∇ log q; ψ is learned by least squares, from values alone."""

    targets = ("expectation", "elbo")

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        baseline = self.scale * self.feature(task, x, run)
        surrogate = ((f - baseline.detach()) * run.log_q + run.model_value).mean(0)
        return Estimate(f.mean(0), surrogate, ((f - baseline) ** 2).mean())

    def feature(self, task: Task, x: Tensor, run: Evaluation) -> Tensor:
        """Return what ψ multiplies, [1, B]."""
        return _at_the_mean(task, x, run).detach()


class AuxiliaryLeaks(LearnedBaseline):
    """The baseline's loss has a gradient in θ, which trains the model to be predictable."""

    def feature(self, task: Task, x: Tensor, run: Evaluation) -> Tensor:
        return _at_the_mean(task, x, run)


class BaselineTrainedBySurrogate(LearnedBaseline):
    """The baseline is left in the surrogate, whose gradient then reaches ψ."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, right.surrogate - self.scale + self.scale.detach(), right.auxiliary)


def _at_the_mean(task: Task, x: Tensor, run: Evaluation) -> Tensor:
    means = {name: site.distribution.mean.detach()[None] for name, site in run.trace.sites.items()}
    return task.model(x, means)
