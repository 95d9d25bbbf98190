"""An estimator whose variance can be raised to order, its mean and its cost unchanged."""

import dataclasses
from typing import ClassVar

from torch import Tensor

from estimators.base import Estimate, Estimator
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task


class NoisyReinforce(Estimator):
    """g + √(e/2) (g′ − g″) of three independent estimates has the mean of g and 1 + e times its variance."""

    targets = ("expectation", "elbo")
    formula = "g + √(e/2) (g′ − g″)"
    paper = "none"
    extra: ClassVar[float] = 0.0
    inner: ClassVar[type[Estimator]] = Reinforce

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        first, second, third = (self.inner().estimate(task, x, samples) for _ in range(3))
        noise = (self.extra / 2) ** 0.5 * (second.surrogate - third.surrogate)
        return dataclasses.replace(first, surrogate=first.surrogate + noise)


class NoisyReparam(NoisyReinforce):
    inner = Reparam
    latents = "reparameterizable"
