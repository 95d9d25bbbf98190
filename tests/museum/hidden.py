"""What no usual K, batch or task shows: branches on sizes, weights that overflow, noise and state of one's own."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp
from estimators.draw import Detached, Reparameterized
from tasks.base import Task
from tests.museum.protocol import Plain


class WrongForManySamples(Plain):
    """Adds up the samples in blocks of four, and forgets all but the first block."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, Reparameterized(samples)).f
        return Estimate(value.mean(0).detach(), value[:4].sum(0) / samples)


class WrongForManyRows(Plain):
    """Works through sixteen rows at a time, and drops the rest of the batch."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        kept = torch.arange(x.shape[0], device=x.device) < 16
        return Estimate(right.objective, kept * right.surrogate)


class Clipped(Plain):
    """Clips f at ±150 for safety, which no small task shows."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, Reparameterized(samples)).f
        return Estimate(value.mean(0).detach(), value.clamp(-150, 150).mean(0))


class StableBound(Estimator):
    """The K-sample bound; the right twin of the next."""

    targets = ("iwae",)
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = self.bound(evaluate(task, x, Reparameterized(samples)).f)
        return Estimate(value.detach(), value)

    def bound(self, log_weight: Tensor) -> Tensor:
        """Return log (1/K) Σ w, [K, B] to [B]."""
        return log_mean_exp(log_weight)


class OverflowingBound(StableBound):
    """log of the mean of exp, which is −∞ where log p is below −745, and overflows above 710."""

    def bound(self, log_weight: Tensor) -> Tensor:
        return log_weight.exp().mean(0).log()


class Baseline(Estimator):
    """(f − b) ∇ log q, with b an average of past batches in a buffer; the right twin of those below."""

    targets = ("expectation", "elbo")
    average: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros((), dtype=torch.float64))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        return Estimate(f.mean(0), ((f - self.baseline()) * run.log_q + run.model_value).mean(0))

    def baseline(self) -> Tensor | float:
        """Return b."""
        return self.average

    def observe(self, estimate: Estimate) -> None:
        self.average.mul_(0.9).add_(0.1 * estimate.objective.mean())


class BaselineOutsideBuffers(Baseline):
    """The average is a number of Python's, which no checkpoint keeps."""

    kept = 0.0

    def baseline(self) -> float:
        return self.kept

    def observe(self, estimate: Estimate) -> None:
        self.kept = 0.9 * self.kept + 0.1 * float(estimate.objective.mean())


class WornOut(Baseline):
    """Divides by what is left of a decay that it forgot to bound: after hundreds of steps it is nothing."""

    left: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("left", torch.ones((), dtype=torch.float64))

    def baseline(self) -> Tensor:
        return self.average / self.left * self.left

    def observe(self, estimate: Estimate) -> None:
        super().observe(estimate)
        self.left.mul_(0.3)


class _Noisy(Plain):
    """The pathwise estimator with a little noise in φ's and θ's gradient, whose mean is right."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, (1 + 0.1 * self.noise(x)) * right.surrogate)

    def noise(self, x: Tensor) -> Tensor | float:
        """Return a number with mean zero."""
        return torch.randn((), dtype=x.dtype, device=x.device)


class TorchNoise(_Noisy):
    """The right twin: noise from PyTorch's generator."""


class NumpyNoise(_Noisy):
    """Noise from NumPy, which no seed of ours reaches."""

    def noise(self, x: Tensor) -> float:
        return float(np.random.default_rng().standard_normal())


class OwnGenerator(_Noisy):
    """A generator of its own, whose state no checkpoint keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = np.random.default_rng(0)

    def noise(self, x: Tensor) -> float:
        return float(self.generator.standard_normal())


class AlternatingSign(_Noisy):
    """Antithetic over calls: the sign of the noise is that of a counter."""

    calls = 0

    def noise(self, x: Tensor) -> float:
        self.calls += 1
        return 1.0 if self.calls % 2 else -1.0


class SharedNoise(Plain):
    """Uses every noise twice to save its cost: the next call, of whatever instance, takes what this one drew."""

    left: ClassVar[list[Tensor]] = []

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        if not self.left:
            self.left.append(torch.get_rng_state())
            return super().estimate(task, x, samples)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.left.pop())
            return super().estimate(task, x, samples)
