"""The doubly reparameterised gradient of the importance-weighted bound."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, log_mean_exp, log_prob_detached
from estimators.draw import Reparameterized
from tasks.base import Task


@final
class DReG(Estimator):
    """φ: Σ_k w̃_k² ∂_z log w_k ∇_φ z_k, with φ detached inside log w. θ: Σ_k w̃_k ∇_θ log p(x, z_k).

    The extra factor w̃_k reaches φ only, since it is put on the gradient that flows back into z.
    Requirements: reparameterizable latents. Bias: none for the K-sample bound. Cost: K evaluations.
    """

    targets = ("iwae",)
    latents = "reparameterizable"
    formula = "φ: Σ_k w̃_k² ∂_z log w_k ∇_φ z_k;  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Tucker, Lawson, Gu & Maddison 2019, eq. 8"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples)
        task.guide(x, draw)
        weights: list[Tensor] = []
        # A separate copy for the density and the model: the guide's own use of earlier draws is not weighted again.
        latents = {name: value.clone() for name, value in draw.trace.latents.items()}
        for value in latents.values():
            value.register_hook(lambda gradient: gradient * _as_events(weights[0], gradient))
        log_weight = task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents)
        weights.append(log_weight.detach().softmax(0))
        return Estimate(log_mean_exp(log_weight.detach()), (weights[0] * log_weight).sum(0))


def _as_events(weight: Tensor, like: Tensor) -> Tensor:
    """Give a [K, B] weight trailing axes, so that it multiplies values [K, B, event]."""
    return weight.reshape(weight.shape + (1,) * (like.dim() - weight.dim()))
