"""Estimators of somebody else's: one is noisy on purpose, one is biased and does not say so, one fails."""

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, Evaluation, evaluate
from estimators.draw import Detached
from tasks.base import Task


class _ScoreFunction(Estimator):
    """REINFORCE with something done to f, or to the whole."""

    targets = ("expectation", "elbo")
    formula = paper = "none"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        return Estimate(run.f.detach().mean(0), self.surrogate(run, run.f.detach()).mean(0))

    def surrogate(self, run: Evaluation, f: Tensor) -> Tensor:
        return f * run.log_q + run.model_value


class Noisy(_ScoreFunction):
    """A baseline that is drawn at random: unbiased, and far noisier."""

    def surrogate(self, run: Evaluation, f: Tensor) -> Tensor:
        return super().surrogate(run, f + 20 * torch.randn(f.shape, dtype=f.dtype))


class Shrunk(_ScoreFunction):
    """A tenth of a gradient: a hundredth of the variance, and biased."""

    def surrogate(self, run: Evaluation, f: Tensor) -> Tensor:
        return super().surrogate(run, f) / 10


class Endless(_ScoreFunction):
    """Its gradient is not finite."""

    def surrogate(self, run: Evaluation, f: Tensor) -> Tensor:
        return super().surrogate(run, f) * torch.inf
