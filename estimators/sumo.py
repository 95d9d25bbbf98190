"""Stochastically unbiased marginalisation."""

from typing import final

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator
from estimators.draw import PathwiseOrDetached
from tasks.base import Task

_TURN = 80
_DECAY = 0.9


@final
class SUMO(Estimator):
    """L̂_1 + Σ_{k=1}^{𝒦} (L̂_{k+1} − L̂_k) / P(𝒦 ≥ k), one stream of samples. θ ascends it, φ descends its square.

    A randomly truncated series whose mean is lim L_K = log p(x): P(𝒦 ≥ k) = 1/k below 80, then 0.9^(k−80)/80. The mean
    does not depend on φ, so that φ minimises E SUMO², and with it the variance, which can be enormous or infinite.
    φ's gradient is pathwise, and the score function's on discrete sites.
    Detached: nothing. Requirements: none; K counts estimates that are averaged. Bias: none for ∇_θ log p(x), where
    moments exist; φ's own gradient is not the target's, which is zero.
    Cost: about 6 K evaluations, a random number; 𝒦 is drawn once for a batch. Since it differs between replicates, they
    are drawn in a loop.
    """

    targets = ("evidence",)
    guide_follows_target = False
    formula = "θ: ∇_θ S, S = L̂_1 + Σ_{k≤𝒦} (L̂_{k+1} − L̂_k)/P(𝒦 ≥ k);  φ: −∇_φ S²"
    paper = "Luo, Beatson, Norouzi, Zhu, Duvenaud, Adams & Chen 2020, eq. 9, 14 and 18"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        parts = [self._once(task, x, _draw_truncation()) for _ in range(samples)]
        objective, surrogate = (torch.stack(part).mean(0) for part in zip(*parts, strict=True))
        return Estimate(objective, surrogate)

    def evaluations(self, samples: int) -> int | None:
        return None

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        # θ's is the evidence; φ's, E S², has no exact value, and where it is infinite no sample mean tells anything.
        return None

    def _once(self, task: Task, x: Tensor, truncation: int) -> tuple[Tensor, Tensor]:
        draw = PathwiseOrDetached(truncation + 1)
        task.guide(x, draw)
        factors: list[Tensor] = []

        def for_guide(value: Tensor) -> Tensor:
            """Let −2 S times the gradient through: what ascends S in θ descends S² in φ."""
            copy = value.clone()
            if copy.requires_grad:
                copy.register_hook(lambda g: g * factors[0].reshape(-1, *(1,) * (g.dim() - 2)))
            return copy

        latents = {name: for_guide(value) for name, value in draw.trace.latents.items()}
        log_weight = task.model(x, latents) - for_guide(draw.trace.log_prob())
        value = truncated_series(log_weight)
        factors.append(-2 * value.detach())
        score = draw.score()
        surrogate = value if score is None else value - value.detach().square() * score.sum(0)
        return value.detach(), surrogate


def survival(count: int) -> list[float]:
    """Return P(𝒦 ≥ k) for k = 1, …, `count`."""
    return [1 / k if k < _TURN else _DECAY ** (k - _TURN) / _TURN for k in range(1, count + 1)]


def truncated_series(log_weight: Tensor) -> Tensor:
    """Return S for 𝒦 = K − 1 from the first K log weights, [K, B] to [B]."""
    count = torch.arange(1, len(log_weight) + 1, dtype=log_weight.dtype, device=log_weight.device)
    bounds = log_weight.logcumsumexp(0) - count.log()[:, None]
    chance = torch.tensor(survival(len(log_weight) - 1), dtype=log_weight.dtype, device=log_weight.device)
    return bounds[0] + (bounds.diff(dim=0) / chance[:, None]).sum(0)


def _draw_truncation() -> int:
    """Draw 𝒦 by inverting P(𝒦 ≥ k) ≥ u, u in (0, 1]."""
    drawn = 1 - torch.rand((), dtype=torch.float64)
    try:
        u = float(drawn)
    except RuntimeError as error:
        raise RuntimeError("SUMO draws a random number of samples, so that its replicates differ in shape") from error
    return truncation(u)


def truncation(u: float) -> int:
    """Return the largest k with P(𝒦 ≥ k) ≥ u, for u in (0, 1]."""
    k = 1
    while survival(k + 1)[-1] >= u:
        k += 1
    return k
