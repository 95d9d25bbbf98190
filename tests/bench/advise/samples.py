"""Estimators of somebody else's: one is noisy on purpose, one is biased and does not say so, one fails."""

import torch
from torch import Tensor

from estimators.base import Estimate, evaluate
from estimators.draw import Detached
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task


class Noisy(Reinforce):
    """REINFORCE with a baseline that is drawn at random: unbiased, and far noisier."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach() + 20 * torch.randn(run.f.shape, dtype=run.f.dtype)
        return Estimate(run.f.detach().mean(0), (f * run.log_q + run.model_value).mean(0))


class Shrunk(Reinforce):
    """A tenth of a gradient: a hundredth of the variance, and biased."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, right.surrogate / 10)


class Endless(Reinforce):
    """Its gradient is not finite."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, right.surrogate * torch.inf)
