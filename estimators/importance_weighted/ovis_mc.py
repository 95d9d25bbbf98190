"""Optimal variance importance sampling, with a Monte Carlo control variate."""

import math
from typing import final

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp, log_sum_exp_of_others
from estimators.draw import Detached
from tasks.base import Task


@final
class OVISMC(Estimator):
    """φ: Σ_k (d_k − c_k) ∇_φ log q(z_k|x), d_k = L̂ − w̃_k, c_k = (1/S) Σ_s d_k(z^{(s)}, z_{−k}). θ: Σ_k w̃_k ∇_θ log p.

    c_k estimates E d_k given the other samples: S fresh draws z^{(s)}, shared by all k, stand in for z_k in turn.
    Detached: z and the coefficients. Requirements: K ≥ 2. Bias: none for the K-sample bound. Cost: K + S evaluations.

    Args:
        auxiliary: S.
    """

    targets = ("iwae",)
    minimum_samples = 2
    total_gradient = True
    formula = "φ: Σ_k (d_k − (1/S) Σ_s d_k(z^{(s)}, z_{−k})) ∇_φ log q(z_k|x), d_k = L̂ − w̃_k;  θ: Σ_k w̃_k ∇_θ log p"
    paper = "Liévin, Dittadi, Christensen & Winther 2020, eq. 11"

    def __init__(self, auxiliary: int = 1) -> None:
        super().__init__()
        if auxiliary < 1:
            raise ValueError(f"auxiliary must be at least 1; it is {auxiliary}")
        self.auxiliary = auxiliary

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        with torch.no_grad():
            fresh = evaluate(task, x, Detached(self.auxiliary)).f[:, None]
        log_weight = run.f.detach()
        bound, weight = log_mean_exp(log_weight), log_weight.softmax(0)
        total = torch.logaddexp(log_sum_exp_of_others(log_weight), fresh)
        control = (total - math.log(samples) - (fresh - total).exp()).mean(0)
        return Estimate(bound, ((bound - weight - control) * run.log_q + weight * run.model_value).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples + self.auxiliary
