"""The log-variance loss."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import Detached
from tasks.base import Task


@final
class VarGrad(Estimator):
    """φ: −∇_φ ½ Var_k(log q_φ(⊥z_k|x) − log p(x, z_k)), the sample variance with K − 1. θ: (1/K) Σ_k ∇_θ log p(x, z_k).

    Taken for each datapoint, never over sums of a batch. It is `reinforce-loo` of the ELBO, written as a loss.
    Detached: z, and θ in the loss. Requirements: K ≥ 2. Bias: none. Cost: K evaluations.
    """

    targets = ("elbo",)
    minimum_samples = 2
    formula = "φ: −∇_φ ½ Var_k(log q(z_k|x) − log p(x, z_k));  θ: (1/K) Σ_k ∇_θ log p(x, z_k)"
    paper = "Richter, Boustati, Nüsken, Ruiz & Akyildiz 2020, eq. 9"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        divergence = run.log_q - run.model_value.detach()
        return Estimate(run.f.detach().mean(0), run.model_value.mean(0) - 0.5 * divergence.var(0))

    def evaluations(self, samples: int) -> int | None:
        return samples
