"""Hard samples on the way forward, and a Jacobian of our choice on the way back."""

from abc import abstractmethod
from functools import partial
from typing import final

from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, integrand, log_prob_detached
from estimators.distributions import Noise
from estimators.draw import Draw, sample_shape
from estimators.parts.sampling import AnyDraws, Sampling
from estimators.parts.temperature import bias_at, require_temperature
from tasks.base import Task


class HardForward(AnyDraws):
    """(1/K) Σ_k C_k ∂_b f(b_k), with b hard and C a matrix that stands in for ∂b/∂logits: a subclass says which.

    It is written as a tensor whose Jacobian in the logits is C, mostly `Relaxation.tangent`, that is added to b and
    subtracted again. In later layers and in log q the gradient goes through b in the same way. On an ELBO
    E ∇_φ(−log q) at fixed b is zero and is left out.

    Args:
        temperature: τ, of the relaxed samples or probabilities that C is made of.
        sampling: iid, antithetic or rqmc.
    """

    targets = ("expectation", "elbo")
    latents = "relaxable"
    unbiased = False

    def __init__(self, temperature: float, sampling: Sampling = "iid") -> None:
        super().__init__(sampling)
        require_temperature(temperature)
        self.temperature = temperature
        self.bias_claim = bias_at(temperature)

    @abstractmethod
    def sample(self, distribution: Distribution, shape: Size, noise: Noise) -> tuple[Tensor, Tensor]:
        """Return b, [K, B, event], and a tensor that broadcasts to it and whose Jacobian in the logits is C."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = _HardForward(samples, self)
        task.guide(x, draw)
        latents = draw.trace.latents
        log_q = partial(log_prob_detached, task, x, draw.trace, latents)
        value = integrand(task, task.model(x, latents), log_q).mean(0)
        return Estimate(value.detach(), value)

    def evaluations(self, samples: int) -> int | None:
        return samples


@final
class _HardForward(Draw):
    def __init__(self, samples: int, by: HardForward) -> None:
        super().__init__()
        self.samples, self.by, self.noise = samples, by, by.noise()

    def value(self, site: str, distribution: Distribution) -> Tensor:
        hard, path = self.by.sample(distribution, sample_shape(distribution, self.samples), self.noise)
        return hard + (path - path.detach())


def hard_sample(distribution: Distribution, shape: Size, noise: Noise) -> Tensor:
    """Return b without gradient, `shape + batch + event`."""
    return distributions.sample(distribution, shape, noise).detach()
