"""Right estimators that look wrong at first: constants made on the way, an aim of φ's own, an update that is rare."""

import torch
from torch import Tensor

from estimators.base import Estimate, evaluate
from estimators.draw import Detached, Reparameterized
from tasks.base import Task
from tests.museum.protocol import Plain


class KeepsItsLastValues(Plain):
    """What was computed last stays in an attribute, where nobody reads it."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, Reparameterized(samples)).f.mean(0)
        self.last = value
        return Estimate(value.detach(), value)


class ConstantAtFirstCall(Plain):
    """A tensor of ones is made when it is first needed, and whenever the type is another one."""

    ones: Tensor | None = None

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        if self.ones is None or self.ones.dtype != x.dtype:
            self.ones = torch.ones_like(right.objective)
        return Estimate(right.objective, self.ones * right.surrogate)


class AimOfItsOwn(Plain):
    """φ descends where the target ascends, as it says; on a cost there is no θ whose gradient is claimed."""

    guide_follows_target = False

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Reparameterized(samples))
        latents = {name: value.detach() for name, value in run.trace.latents.items()}
        for_model = task.model(x, latents)
        return Estimate(run.f.mean(0).detach(), (2 * for_model - run.f).mean(0))

    def evaluations(self, samples: int) -> int:
        return 2 * samples


class RareUpdate(Plain):
    """φ's gradient is computed once in 5000 calls, and is 5000 times as large then."""

    chance = 1 / 5000
    latents = "any"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        due = (torch.rand((), dtype=x.dtype) < self.chance).to(x.dtype) / self.chance
        f = run.f.detach()
        return Estimate(f.mean(0), (due * f * run.log_q + run.model_value).mean(0))
