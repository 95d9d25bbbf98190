"""Sticking the landing on the importance-weighted bound."""

from typing import final

from torch import Tensor

from estimators.base import Bias, Estimate, Estimator, log_mean_exp, log_prob_detached
from estimators.draw import Reparameterized
from tasks.base import Task


@final
class IWAESTL(Estimator):
    """φ: Σ_k w̃_k ∂_z log w_k ∇_φ z_k, with φ detached inside log w. θ: Σ_k w̃_k ∇_θ log p(x, z_k).

    The score left out, −Σ w̃_k ∇_φ log q(z_k), does not have mean zero once the weights depend on z: for K > 1
    the gradient of φ is biased. `dreg` repairs that with w̃_k² in place of w̃_k.
    Requirements: reparameterizable latents. Bias: none for K = 1; Σ w̃_k (1 − w̃_k) P_k else. Cost: K evaluations.
    """

    targets = ("iwae",)
    unbiased = False
    bias_claim = Bias(within=3.0)
    latents = "reparameterizable"
    minimum_samples = 2
    formula = "φ: Σ_k w̃_k ∂_z log w_k ∇_φ z_k;  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Roeder, Wu & Duvenaud 2017, eq. 12; its bias: Tucker, Lawson, Gu & Maddison 2019, section 2"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples)
        task.guide(x, draw)
        latents = draw.trace.latents
        bound = log_mean_exp(task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents))
        return Estimate(bound.detach(), bound)

    def evaluations(self, samples: int) -> int | None:
        return samples
