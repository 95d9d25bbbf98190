"""The Gumbel-softmax, or Concrete, relaxation."""

from typing import final

from torch import Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, evaluate
from estimators.distributions import Noise
from estimators.draw import Draw, sample_shape
from estimators.parts.sampling import AnyDraws, Sampling
from estimators.parts.temperature import bias_at, require_temperature
from tasks.base import Task


@final
class GumbelSoftmax(AnyDraws):
    """(1/K) Σ_k ∇ f(y_k), y = softmax((logits + G)/τ), G Gumbel; binary: y = σ((logits + L)/τ), L logistic.

    Pathwise through y, and through every later layer that depends on it. f is evaluated at y, log q as
    Σ_c y_c log p_c; on an ELBO its own dependence on φ is kept, since it does not have mean zero at relaxed values.
    The objective is f(y), too. Detached: nothing. Requirements: Bernoulli or one-hot latents, f differentiable in them.
    Bias: unbiased for E f(y) only, which tends to E f(b) as τ → 0, where the variance diverges. Cost: K evaluations.

    Args:
        temperature: τ.
        sampling: iid, antithetic or rqmc.
    """

    targets = ("expectation", "elbo")
    latents = "relaxable"
    unbiased = False
    objective = "relaxed"
    total_gradient = True
    formula = "(1/K) Σ_k ∇ f(softmax((logits + G_k)/τ))"
    paper = "Jang, Gu & Poole 2017, eq. 2; Maddison, Mnih & Teh 2017, eq. 10"

    def __init__(self, temperature: float = 0.5, sampling: Sampling = "iid") -> None:
        super().__init__(sampling)
        require_temperature(temperature)
        self.temperature = temperature
        self.bias_claim = bias_at(temperature)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, _Relaxed(samples, self.temperature, self.noise())).f.mean(0)
        return Estimate(value.detach(), value)

    def evaluations(self, samples: int) -> int | None:
        return samples


@final
class _Relaxed(Draw):
    """Relaxed samples, differentiable in the logits."""

    def __init__(self, samples: int, temperature: float, noise: Noise) -> None:
        super().__init__()
        self.samples, self.temperature, self.noise = samples, temperature, noise

    def value(self, site: str, distribution: Distribution) -> Tensor:
        relaxation = distributions.relaxation(distribution)
        uniform = relaxation.uniform(sample_shape(distribution, self.samples), self.noise)
        return relaxation.soft(relaxation.logits + relaxation.epsilon(uniform), self.temperature)
