"""Jackknife variational inference."""

import math
from itertools import combinations
from typing import Final, final

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, Unfit, evaluate, log_mean_exp, log_mean_exp_of_others
from estimators.draw import Detached
from estimators.importance_weighted.vimco import VIMCO
from estimators.parts import exact
from tasks.base import Task

_SUBSETS: Final = 20_000


@final
class JVI(Estimator):
    """θ: ∇_θ Σ_{j≤m} c_j · mean over subsets S of K − j samples of L̂_S, c_j = (−1)^j (K−j)^m / ((m−j)! j!).

    Each order removes one more term of the bias of log (1/K) Σ w, a series in 1/K. Order 1 is K L̂_K − (K−1) times
    the mean of the leave-one-out bounds. It is not a lower bound: a guide that ascended it would drive it to infinity,
    by making the weights wild. So φ ascends L_K, by the gradient of `vimco`, which tightens the bound under the
    jackknife. Detached: z. Requirements: K > m and K ≥ 2. Bias: none for the jackknife's own mean, which differs from
    log p(x) by O(K^{−m−1}). Cost: K evaluations, and C(K, j) logarithms.

    Args:
        order: m, at least 1.
    """

    targets = ("jackknife",)
    own_target = True
    minimum_samples = 2
    checked = ({}, {"order": 2})
    formula = "θ: ∇_θ Σ_{j≤m} c_j mean_{|S|=K−j} L̂_S, c_j = (−1)^j (K−j)^m / ((m−j)! j!);  φ: ∇_φ L_K"
    paper = "Nowozin 2018, eq. 16"

    def __init__(self, order: int = 1) -> None:
        super().__init__()
        if order < 1:
            raise ValueError(f"order must be at least 1, or the bound is iwae's; it is {order}")
        self.order = order
        self.minimum_samples = order + 1

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        signal = log_mean_exp(log_weight) - VIMCO().baseline(log_weight) - log_weight.softmax(0)
        value = self.bound(run.model_value - run.log_q.detach())
        return Estimate(value.detach(), value + (signal * run.log_q).sum(0))

    def bound(self, log_weight: Tensor) -> Tensor:
        """Return the jackknife of log (1/K) Σ_k w_k in nats, [K, B] to [B]."""
        count, value = log_weight.shape[0], torch.zeros_like(log_weight[0])
        for j, coefficient in enumerate(jackknife_coefficients(count, self.order)):
            value = value + coefficient * _mean_over_subsets(log_weight, j)
        return value

    def evaluations(self, samples: int) -> int | None:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        def bound(task: Task, count: int) -> Tensor | None:
            return exact.mean(task, x, count, log_mean_exp)

        def jackknife(task: Task) -> Tensor | None:
            # Every subset of so many samples has the same mean.
            bounds = [(c, bound(task, samples - j)) for j, c in enumerate(jackknife_coefficients(samples, self.order))]
            terms = [c * value for c, value in bounds if value is not None]
            return torch.stack(terms).sum(0) if len(terms) == len(bounds) else None

        value = exact.without_gradient(task, "guide", jackknife)
        return exact.with_gradient_of(value, exact.without_gradient(task, "model", lambda t: bound(t, samples)))

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        if self.order > 1 and math.comb(samples, self.order) > _SUBSETS:
            raise Unfit(
                f"jvi(order={self.order}) takes a bound for each of {math.comb(samples, self.order)} subsets of"
                f" {samples} samples, but at most {_SUBSETS} are allowed; lower --samples or the order"
            )


def jackknife_coefficients(samples: int, order: int) -> list[float]:
    """Return c_0, …, c_m; they add up to one."""
    return [
        (-1) ** j * (samples - j) ** order / (math.factorial(order - j) * math.factorial(j)) for j in range(order + 1)
    ]


def _mean_over_subsets(log_weight: Tensor, left_out: int) -> Tensor:
    """Return the mean of L̂_S over every subset of K − `left_out` samples, [B]."""
    if left_out == 0:
        return log_mean_exp(log_weight)
    if left_out == 1:
        return log_mean_exp_of_others(log_weight).mean(0)
    count = log_weight.shape[0]
    index = torch.tensor(list(combinations(range(count), count - left_out)), device=log_weight.device)
    return (torch.logsumexp(log_weight[index], 1) - math.log(count - left_out)).mean(0)
