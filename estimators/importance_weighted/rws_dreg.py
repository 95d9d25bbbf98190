"""The doubly reparameterised gradient of reweighted wake-sleep."""

from typing import final

from torch import Tensor

from estimators.base import Bias, Estimate, Estimator
from estimators.importance_weighted.dreg import doubly_reparameterized
from estimators.importance_weighted.rws import exact_wake
from tasks.base import Task


@final
class RWSDReG(Estimator):
    """φ: Σ_k (w̃_k − w̃_k²) ∂_z log w_k ∇_φ z_k, with φ detached inside log w. θ: Σ_k w̃_k ∇_θ log p(x, z_k).

    The same mean as the wake phase of `rws`, and so the same bias, with less variance.
    Requirements: reparameterizable latents. Bias: O(1/K) in φ; none in θ for L_K. Cost: K evaluations.
    """

    targets = ("wake",)
    own_target = True
    unbiased = False
    bias_claim = Bias(like="rws")
    latents = "reparameterizable"
    minimum_samples = 2
    zero_variance = "posterior"
    formula = "φ: Σ_k (w̃_k − w̃_k²) ∂_z log w_k ∇_φ z_k;  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Tucker, Lawson, Gu & Maddison 2019, eq. 9"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        return doubly_reparameterized(task, x, samples, lambda weight: 1 - weight)

    def evaluations(self, samples: int) -> int | None:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return exact_wake(task, x, samples)
