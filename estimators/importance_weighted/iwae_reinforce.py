"""The score-function gradient of the importance-weighted bound."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp
from estimators.draw import Detached
from tasks.base import Task


@final
class IWAEReinforce(Estimator):
    """φ: Σ_k (⊥L̂ − w̃_k) ∇_φ log q(z_k|x), L̂ = log (1/K) Σ_k w_k. θ: Σ_k w̃_k ∇_θ log p(x, z_k).

    The term −w̃_k is ∇_φ of L̂ itself at fixed z; the rest is the score function's.
    Detached: z, L̂ and w̃. Requirements: none. Bias: none for the K-sample bound. Cost: K evaluations.
    """

    targets = ("iwae",)
    total_gradient = True
    formula = "φ: Σ_k (L̂ − w̃_k) ∇_φ log q(z_k|x);  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Mnih & Rezende 2016, eq. 5"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        bound, weight = log_mean_exp(log_weight), log_weight.softmax(0)
        return Estimate(bound, ((bound - weight) * run.log_q + weight * run.model_value).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples
