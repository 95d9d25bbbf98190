"""Optimal variance importance sampling, with the asymptotic control variate."""

import math
from typing import final

from torch import Tensor

from estimators.base import Bias, Estimate, Estimator, evaluate, log_mean_exp, log_mean_exp_of_others
from estimators.draw import Detached
from tasks.base import Task


@final
class OVIS(Estimator):
    """φ: Σ_k (L̂ − w̃_k − c_k) ∇_φ log q(z_k|x), c_k = L̂_{−k} − γ w̃_k + (1−γ) log(1 − 1/K). θ: Σ_k w̃_k ∇_θ log p.

    With γ = 0, c_k does not depend on z_k; its logarithm centres L̂ − L̂_{−k} − w̃_k where all weights are alike.
    With γ = 1 the coefficient is L̂ − L̂_{−k}, whose mean gradient is exactly that of `iwae-stl`.
    Detached: z and the coefficients. Requirements: K ≥ 2. Bias: none for the K-sample bound at γ = 0.
    Cost: K evaluations.

    Args:
        gamma: γ, in [0, 1].
    """

    targets = ("iwae",)
    minimum_samples = 2
    checked = ({}, {"gamma": 1.0})
    formula = (
        "φ: Σ_k (L̂ − w̃_k − c_k) ∇_φ log q(z_k|x), c_k = L̂_{−k} − γ w̃_k + (1−γ) log(1 − 1/K);  θ: Σ_k w̃_k ∇_θ log p"
    )
    paper = "Liévin, Dittadi, Christensen & Winther 2020, eq. 13 and 15"

    def __init__(self, gamma: float = 0.0) -> None:
        super().__init__()
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma must be in [0, 1]; it is {gamma}")
        self.gamma = gamma
        self.unbiased = self.total_gradient = gamma == 0
        if gamma == 1:
            self.bias_claim = Bias(like="iwae-stl")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        bound, weight = log_mean_exp(log_weight), log_weight.softmax(0)
        control = log_mean_exp_of_others(log_weight) - self.gamma * weight
        control = control + (1 - self.gamma) * math.log(1 - 1 / samples)
        return Estimate(bound, ((bound - weight - control) * run.log_q + weight * run.model_value).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples
