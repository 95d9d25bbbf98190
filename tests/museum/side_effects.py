"""Estimators that change what they are given: parameters, observations, whether φ is trained."""

import torch
from torch import Tensor

from estimators.base import Estimate
from tasks.base import Task
from tests.museum.protocol import Plain


class MovesParameters(Plain):
    """Takes a step of its own, however small."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        with torch.no_grad():
            next(task.guide.parameters()).add_(1e-3)
        return super().estimate(task, x, samples)


class FreezesTheModel(Plain):
    """Detaches θ for its own purposes, and leaves it so."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        task.model.requires_grad_(False)
        return right


class CentresObservations(Plain):
    """Normalises x where it lies."""

    def prepare(self, task: Task, x: Tensor) -> None:
        x -= x.mean(0)


class LeavesGradients(Plain):
    """Calls `backward` for its own purposes."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        super().estimate(task, x, samples).surrogate.sum().backward()
        return super().estimate(task, x, samples)

    def evaluations(self, samples: int) -> int:
        return 2 * samples


class WorksOnACopy(Plain):
    """The right twin: normalises a copy of x and forgets it."""

    def prepare(self, task: Task, x: Tensor) -> None:
        self.centre = (x - x.mean(0)).mean()
