"""Stochastically unbiased marginalisation."""

import math
from itertools import permutations
from typing import final

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, log_mean_exp
from estimators.draw import PathwiseOrDetached
from estimators.parts import exact
from estimators.parts.later import LaterFactor
from tasks.base import Task

_TURN = 80
_DECAY = 0.9


@final
class SUMO(Estimator):
    """L̂_1 + Σ_{k=1}^{𝒦} (L̂_{k+1} − L̂_k) / P(𝒦 ≥ k), one stream of samples. θ ascends it, φ descends its square.

    A randomly truncated series whose mean is lim L_K = log p(x): P(𝒦 ≥ k) = 1/k below 80, then 0.9^(k−80)/80. The mean
    does not depend on φ, so φ minimises E SUMO², and with it the variance, which can be enormous or infinite.
    φ's gradient is pathwise, and the score function's on discrete sites.
    Detached: nothing. Requirements: none; K counts estimates that are averaged. Bias: none for ∇_θ log p(x), where
    moments exist; φ's own gradient is not the target's, which is zero. A series that ends after `longest` terms at the
    latest has the mean L_K, K = `longest` + 1, and all its moments.
    Cost: about 6 K evaluations, a random number; 𝒦 is drawn once for a batch. Since it differs between replicates, they
    are drawn in a loop. With `longest`, `longest` + 1 evaluations each, some of them unused.

    Args:
        longest: the largest number of terms in the series; 0 sets no end.
    """

    targets = ("evidence",)
    own_target = True
    guide_follows_target = False
    differentiates = True
    checked = ({}, {"longest": 2})
    formula = "θ: ∇_θ S, S = L̂_1 + Σ_{k≤𝒦} (L̂_{k+1} − L̂_k)/P(𝒦 ≥ k);  φ: −∇_φ S²"
    paper = "Luo, Beatson, Norouzi, Zhu, Duvenaud, Adams & Chen 2020, eq. 9, 14 and 18"

    def __init__(self, longest: int = 0) -> None:
        super().__init__()
        if longest < 0:
            raise ValueError(f"longest must be a number of terms, or 0 for no end; it is {longest}")
        self.longest = longest
        if longest:
            self.targets = ("sumo",)
            self.guide_follows_target = True

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        parts = [self._once(task, x) for _ in range(samples)]
        objective, surrogate = (torch.stack(part).mean(0) for part in zip(*parts, strict=True))
        return Estimate(objective, surrogate)

    def evaluations(self, samples: int) -> int | None:
        return samples * (self.longest + 1) if self.longest else None

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        if not self.longest:
            # φ's, E S², has no exact value, and where it is infinite no sample mean tells anything.
            return None
        count = self.longest + 1
        bound = exact.without_gradient(task, "guide", lambda t: exact.mean(t, x, count, log_mean_exp))
        loss = exact.without_gradient(task, "model", lambda t: exact.mean(t, x, count, _negative_mean_square))
        return exact.with_gradient_of(bound, loss)

    def _once(self, task: Task, x: Tensor) -> tuple[Tensor, Tensor]:
        u = 1 - torch.rand((), dtype=torch.float64, device=x.device)
        terms = self.longest or _drawn_truncation(u)
        draw = PathwiseOrDetached(terms + 1)
        task.guide(x, draw)
        # −∇S² = −2 S ∇S: with that factor on its way to φ, what ascends S in θ descends S² in φ.
        for_guide = LaterFactor()
        latents = {name: for_guide.on(value) for name, value in draw.trace.latents.items()}
        log_weight = task.model(x, latents) - for_guide.on(draw.trace.log_prob())
        reached = torch.tensor([1.0, *survival(terms)], dtype=u.dtype, device=u.device) >= u
        value = (weighted_increments(log_weight) * reached[:, None]).sum(0)
        for_guide.becomes(-2 * value.detach()[None])
        score = draw.score()
        surrogate = value if score is None else value - value.detach().square() * score.sum(0)
        return value.detach(), surrogate


def survival(count: int) -> list[float]:
    """Return P(𝒦 ≥ k) for k = 1, …, `count`."""
    return [1 / k if k < _TURN else _DECAY ** (k - _TURN) / _TURN for k in range(1, count + 1)]


def weighted_increments(log_weight: Tensor) -> Tensor:
    """Return L̂_1, then (L̂_{k+1} − L̂_k)/P(𝒦 ≥ k) for k = 1, …, K − 1, from K log weights, [K, B]."""
    count = torch.arange(1, len(log_weight) + 1, dtype=log_weight.dtype, device=log_weight.device)
    bounds = log_weight.logcumsumexp(0) - count.log()[:, None]
    chance = torch.tensor(survival(len(log_weight) - 1), dtype=log_weight.dtype, device=log_weight.device)
    return torch.cat([bounds[:1], bounds.diff(dim=0) / chance[:, None]])


def truncation(u: float) -> int:
    """Return 𝒦, the largest k with P(𝒦 ≥ k) ≥ u, for u in (0, 1]."""
    k = 1
    while survival(k + 1)[-1] >= u:
        k += 1
    return k


def _drawn_truncation(u: Tensor) -> int:
    try:
        return truncation(float(u))
    except RuntimeError as error:
        raise RuntimeError("sumo draws a random number of samples, so its replicates differ in shape") from error


def _negative_mean_square(log_weight: Tensor) -> Tensor:
    """Return −E S² over 𝒦 ≤ K − 1 and over all orders of K log weights, [K, B] to [B]."""
    count = len(log_weight)
    reached = [*survival(count - 1), 0.0]
    sums: dict[tuple[int, ...], Tensor] = {(k,): weight for k, weight in enumerate(log_weight)}
    mean_square = torch.zeros_like(log_weight[0])
    for order in permutations(range(count)):
        series = before = log_weight[order[0]]
        for k in range(1, count):
            first, added = tuple(sorted(order[: k + 1])), order[k]
            if first not in sums:
                sums[first] = torch.logaddexp(sums[tuple(sorted(order[:k]))], log_weight[added])
            bound = sums[first] - math.log(k + 1)
            series, before = series + (bound - before) / reached[k - 1], bound
            mean_square = mean_square + (reached[k - 1] - reached[k]) * series.square()
    return -mean_square / math.factorial(count)
