"""The importance-weighted bound with its pathwise gradient."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp
from estimators.draw import Reparameterized
from tasks.base import Task


@final
class IWAE(Estimator):
    """∇ log (1/K) Σ_k w_k = Σ_k w̃_k ∇ log w_k, with z_k = T(ε_k, φ).

    Detached: nothing. Its signal-to-noise ratio for φ falls as 1/√K (Rainforth et al. 2018).
    Requirements: reparameterizable latents. Bias: none for the K-sample bound; O(1/K) for log p(x).
    Cost: K evaluations.
    """

    targets = ("iwae",)
    latents = "reparameterizable"
    total_gradient = True
    formula = "Σ_k w̃_k ∇ log w_k, w̃ = softmax(log w)"
    paper = "Burda, Grosse & Salakhutdinov 2016, eq. 14"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        bound = log_mean_exp(evaluate(task, x, Reparameterized(samples)).f)
        return Estimate(bound.detach(), bound)

    def evaluations(self, samples: int) -> int:
        return samples
