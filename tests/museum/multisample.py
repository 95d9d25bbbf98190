"""Multi-sample bounds by score functions: VIMCO, and the Rényi bound."""

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp
from estimators.draw import Detached
from estimators.parts import exact
from tasks.base import Task

ALPHA = 0.5
"""Of the Rényi bound."""


class Vimco(Estimator):
    """Σ_k (L̂ − c_k − w̃_k) s_k, c_k with the geometric mean of the others in place of w_k (Mnih & Rezende 2016)."""

    targets = ("iwae",)
    minimum_samples = 2

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        bound = log_mean_exp(run.f)
        log_weight = run.f.detach()
        others = (log_weight.sum(0) - log_weight) / (samples - 1)
        own = torch.eye(samples, dtype=torch.bool, device=x.device)[:, :, None]
        replaced = torch.where(own, others[:, None], log_weight[None])
        baselines = torch.logsumexp(replaced, 1) - torch.log(torch.tensor(float(samples)))
        surrogate = ((bound.detach() - baselines) * run.log_q).sum(0) + bound
        return Estimate(self.bound(log_weight), surrogate)

    def bound(self, log_weight: Tensor) -> Tensor:
        """Return the bound that is reported, [B]."""
        return log_mean_exp(log_weight)


class LogKDropped(Vimco):
    """log Σ w where log (1/K) Σ w belongs: a constant to the gradient, and a bound that is log K too high."""

    def bound(self, log_weight: Tensor) -> Tensor:
        return torch.logsumexp(log_weight, 0)


def renyi_bound(log_weight: Tensor) -> Tensor:
    """Return L̂_α, [K, B] to [B]."""
    return log_mean_exp((1 - ALPHA) * log_weight) / (1 - ALPHA)


class Renyi(Estimator):
    """Σ_k (L̂_α − w̃_k) s_k with w̃ ∝ w^{1−α}: the gradient of the bound at a finite K (Li & Turner 2016)."""

    targets = ("renyi",)
    own_target = True

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        bound = renyi_bound(run.f)
        weight = ((1 - ALPHA) * run.f.detach()).softmax(0)
        surrogate = (self.coefficient(bound.detach(), weight) * run.log_q + weight * run.model_value).sum(0)
        return Estimate(bound.detach(), surrogate)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return exact.mean(task, x, samples, renyi_bound)

    def coefficient(self, bound: Tensor, weight: Tensor) -> Tensor:
        """Return what multiplies the score of each sample, [K, B]."""
        return bound - weight


class RenyiInTheLimit(Renyi):
    """α/(1−α) w̃_k, the coefficient as K → ∞, used at K = 1 and 3."""

    def coefficient(self, bound: Tensor, weight: Tensor) -> Tensor:
        return ALPHA / (1 - ALPHA) * weight
