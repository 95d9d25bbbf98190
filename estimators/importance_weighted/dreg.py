"""The doubly reparameterised gradient of the importance-weighted bound."""

from collections.abc import Callable
from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, log_mean_exp, log_prob_detached
from estimators.draw import Reparameterized
from estimators.importance_weighted.rws import exact_wake
from estimators.parts.later import LaterFactor
from tasks.base import Task


@final
class DReG(Estimator):
    """φ: Σ_k w̃_k² ∂_z log w_k ∇_φ z_k, with φ detached inside log w. θ: Σ_k w̃_k ∇_θ log p(x, z_k).

    With α it is Σ_k (α w̃_k + (1−2α) w̃_k²) ∂_z log w_k ∇_φ z_k: (1−α) parts of it and α of `rws-dreg`.
    The extra factor reaches φ only, since it is put on the gradient that flows back into z.
    Requirements: reparameterizable latents. Bias: none for the K-sample bound at α = 0; else that of the wake phase.
    Cost: K evaluations.

    Args:
        alpha: α, in [0, 1].
    """

    targets = ("iwae",)
    latents = "reparameterizable"
    zero_variance = "posterior"
    checked = ({}, {"alpha": 0.5})
    formula = "φ: Σ_k w̃_k² ∂_z log w_k ∇_φ z_k;  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Tucker, Lawson, Gu & Maddison 2019, eq. 8 and 10"

    def __init__(self, alpha: float = 0.0) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1]; it is {alpha}")
        self.alpha = alpha
        self.unbiased = self.total_gradient = alpha == 0
        self.own_target = alpha != 0

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        return doubly_reparameterized(task, x, samples, lambda weight: self.alpha + (1 - 2 * self.alpha) * weight)

    def evaluations(self, samples: int) -> int:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        bound = super().exact(task, x, samples)
        if self.alpha == 0:
            return bound
        wake = exact_wake(task, x, samples)
        return None if bound is None or wake is None else (1 - self.alpha) * bound + self.alpha * wake


def doubly_reparameterized(task: Task, x: Tensor, samples: int, factor: Callable[[Tensor], Tensor]) -> Estimate:
    """Return the estimate φ: Σ_k factor(w̃_k) w̃_k ∂_z log w_k ∇_φ z_k, θ: Σ_k w̃_k ∇_θ log p(x, z_k)."""
    draw = Reparameterized(samples)
    task.guide(x, draw)
    extra = LaterFactor()
    # Behind the draws: the guide's own use of earlier ones is not weighted again.
    latents = {name: extra.on(value) for name, value in draw.trace.latents.items()}
    log_weight = task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents)
    weight = log_weight.detach().softmax(0)
    extra.becomes(factor(weight))
    return Estimate(log_mean_exp(log_weight.detach()), (weight * log_weight).sum(0))
