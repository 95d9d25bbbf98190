"""Estimators whose mean gradient is right, and that break a promise of the protocol or of their own."""

import copy

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, generative
from estimators.draw import Detached, Reparameterized
from tasks.base import Latents, Task


class Plain(Estimator):
    """The pathwise estimator: the correct twin of all of these."""

    targets = ("expectation", "elbo")
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, Reparameterized(samples)).f.mean(0)
        return Estimate(value.detach(), value)

    def evaluations(self, samples: int) -> int:
        return samples


class ObjectiveAltered(Plain):
    """The surrogate's value is reported in place of the objective's."""

    latents = "any"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        surrogate = (f * run.log_q + run.model_value).mean(0)
        return Estimate(surrogate.detach(), surrogate)


class ObjectiveAttached(Plain):
    """The objective carries a gradient."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, Reparameterized(samples)).f.mean(0)
        return Estimate(value, value)


class SummedOverTheBatch(Plain):
    """A scalar where one value per row belongs."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, right.surrogate.sum())


class EvaluatesTwice(Plain):
    """Twice the evaluations that it declares."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        super().estimate(task, x, samples)
        return super().estimate(task, x, samples)


class EvaluatesByAnotherDoor(Plain):
    """Twice the evaluations that it declares, one of them by a method of the model."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Reparameterized(samples))
        self.again(task, x, run.trace.latents)
        value = run.f.mean(0)
        return Estimate(value.detach(), value)

    def again(self, task: Task, x: Tensor, latents: Latents) -> Tensor:
        """Return what the model has returned already."""
        return generative(task, "this").log_joint(x, latents)


class EvaluatesByForward(EvaluatesByAnotherDoor):
    """The same, by `forward`."""

    def again(self, task: Task, x: Tensor, latents: Latents) -> Tensor:
        return task.model.forward(x, latents)


class EvaluatesACopyBatched(EvaluatesByAnotherDoor):
    """The same, by a copy of the model and one sample at a time, within `vmap`."""

    def again(self, task: Task, x: Tensor, latents: Latents) -> Tensor:
        model = copy.deepcopy(task.model)
        constant = {name: value.detach() for name, value in latents.items()}
        return torch.func.vmap(lambda z: model(x, {name: value[None] for name, value in z.items()}))(constant)


class LearnsWhileMeasured(Plain):
    """State that changes in `estimate`."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        self.count = self.count + 1
        return super().estimate(task, x, samples)


class AcceptsEverything(Plain):
    """Declares reparameterizable latents and refuses nothing."""

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        """Accept."""


class TrainsTheGuideAnyway(Plain):
    """Declares that φ gets no gradient."""

    trains_guide = False


class OneNoiseForAll(Plain):
    """The same noise in every estimate: no replicate is independent of another."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return super().estimate(task, x, samples)
