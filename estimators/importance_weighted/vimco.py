"""Variational inference for Monte Carlo objectives."""

import math
from typing import Literal, final, get_args

import torch
from torch import Tensor

from estimators.base import (
    Estimate,
    Estimator,
    evaluate,
    log_mean_exp,
    log_mean_exp_of_others,
    log_sum_exp_of_others,
    mean_of_others,
)
from estimators.draw import Detached
from tasks.base import Task

Mean = Literal["geometric", "arithmetic"]


@final
class VIMCO(Estimator):
    """φ: Σ_k (L̂ − c_k − w̃_k) ∇_φ log q(z_k|x), c_k = log (1/K) (Σ_{j≠k} w_j + ŵ_k). θ: Σ_k w̃_k ∇_θ log p(x, z_k).

    ŵ_k is the mean of the other weights: w_k guessed without z_k, so that c_k is L̂ as far as the others tell.
    Detached: z, L̂, c and w̃. Requirements: K ≥ 2. Bias: none for the K-sample bound. Cost: K evaluations.

    Args:
        mean: geometric or arithmetic, the mean that ŵ_k is.
    """

    targets = ("iwae",)
    minimum_samples = 2
    total_gradient = True
    checked = ({}, {"mean": "arithmetic"})
    formula = "φ: Σ_k (L̂ − c_k − w̃_k) ∇_φ log q(z_k|x), c_k = log (1/K)(Σ_{j≠k} w_j + ŵ_k);  θ: Σ_k w̃_k ∇_θ log p"
    paper = "Mnih & Rezende 2016, eq. 7 and 10"

    def __init__(self, mean: Mean = "geometric") -> None:
        super().__init__()
        if mean not in get_args(Mean):
            raise ValueError(f"mean must be geometric or arithmetic; it is '{mean}'")
        self.mean = mean

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        bound, weight = log_mean_exp(log_weight), log_weight.softmax(0)
        signal = bound - self.baseline(log_weight) - weight
        return Estimate(bound, (signal * run.log_q + weight * run.model_value).sum(0))

    def baseline(self, log_weight: Tensor) -> Tensor:
        """Return c_k, [K, B]."""
        guess = mean_of_others(log_weight) if self.mean == "geometric" else log_mean_exp_of_others(log_weight)
        return torch.logaddexp(log_sum_exp_of_others(log_weight), guess) - math.log(len(log_weight))

    def evaluations(self, samples: int) -> int | None:
        return samples
