"""Sticking the landing."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, log_prob_detached
from estimators.draw import Reparameterized
from estimators.parts.sampling import AnyDraws
from tasks.base import Task


@final
class STL(AnyDraws):
    """The path derivative: ∇_φ log w with φ detached inside the density, z = T(ε, φ).

    What is left out, −∇_φ log q_φ(z) at fixed z, has mean zero. What remains vanishes at q = p(z|x), so the
    variance is zero there. On the K-sample bound the same trick is biased: that is `iwae-stl`.
    Requirements: reparameterizable latents, a target with log q in it. Bias: none. Cost: K evaluations.
    """

    targets = ("elbo",)
    latents = "reparameterizable"
    zero_variance = "posterior"
    formula = "(1/K) Σ_k ∂_z [log p(x, z_k) − log q(z_k|x)] ∇_φ z_k"
    paper = "Roeder, Wu & Duvenaud 2017, eq. 8"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples, self.noise())
        task.guide(x, draw)
        latents = draw.trace.latents
        log_weight = task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents)
        value = log_weight.mean(0)
        return Estimate(value.detach(), value)

    def evaluations(self, samples: int) -> int:
        return samples
