"""REINFORCE with control variates from a discrete Stein operator."""

from typing import final

import torch
from torch import Tensor, nn

from estimators.base import Estimate, mean_of_others
from estimators.draw import Detached
from estimators.parts.binary import BinaryEstimator, along_logits, logits_of
from estimators.parts.shapes import as_events, flat_events
from estimators.parts.slopes import with_slopes
from tasks.base import Task


@final
class RODEO(BinaryEstimator):
    """(1/K) Σ_k {[f_k − mean_{j≠k} (f_j + α (A h_j)(b_j))] (b_k − p) + β (A h̃_k)(b_k)} in the logits.

    A h(b) = (1/D) Σ_i q(b_i flips | rest) [h(b^{¬i}) − h(b)], b^{¬i} with bit i flipped: the change of h in a Gibbs
    step, so that E A h = 0. h_k(y) = mean_{j≠k} H₁(f_j, ∇f_j·(y − b_j)), and h̃_k(y) = mean_{j≠k} H₂(…) (y − p), a
    vector: functions made of the other samples, so that neither costs an evaluation of f. H is a network with one
    hidden layer, LeakyReLU(0.3). α, β and H descend the square of the gradient in the logits, hence its variance.
    Detached: b, f, ∇f. Requirements: one layer of Bernoulli latents, f differentiable at them, K ≥ 2. Bias: none.
    Cost: K evaluations, and K (K − 1) (D + 1) of H.

    Args:
        hidden: units of H's hidden layer.
        coefficient: α and β at the start; 0 is `reinforce-loo`.
    """

    targets = ("expectation", "elbo")
    minimum_samples = 2
    differentiates = True
    single_site = True
    formula = "(1/K) Σ_k {[f_k − mean_{j≠k} (f_j + α (A h_j)(b_j))] (b_k − p) + β (A h̃_k)(b_k)}"
    paper = "Shi, Zhou, Hwang, Titsias & Mackey 2022"

    def __init__(self, hidden: int = 100, coefficient: float = 0.0) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1; it is {hidden}")
        self.network = nn.Sequential(nn.Linear(2, hidden), nn.LeakyReLU(0.3), nn.Linear(hidden, 2))
        self.alpha = nn.Parameter(torch.tensor(float(coefficient)))
        self.beta = nn.Parameter(torch.tensor(float(coefficient)))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Detached(samples)
        task.guide(x, draw)
        run = with_slopes(task, x, draw.trace)
        ((name, site),) = draw.trace.sites.items()
        logits, bits = logits_of(site.distribution), flat_events(site.value)
        probs = flat_events(logits.detach().sigmoid()[None])
        offset, flip = bits - probs, 1 - 2 * bits
        here, there = self._functions(run.f, flat_events(run.slopes[name]), bits, flip)
        # q(b_i flips | rest) / D.
        rate = (bits + flip * probs) / bits.shape[2]
        change = rate[..., None] * (there - here[:, :, None])
        scalar = change[..., 0].sum(2)
        vector = change[..., 1].sum(2, keepdim=True) * offset + rate * there[..., 1] * flip
        value = run.f + self.alpha * scalar
        signal = run.f - mean_of_others(value)
        slope = (as_events(signal, offset) * offset + self.beta * vector).mean(0)
        surrogate = run.model_value.mean(0) + along_logits(slope.reshape(1, *logits.shape), logits).sum(0)
        return Estimate(run.f.mean(0), surrogate, slope.square().sum(1).mean())

    def _functions(self, f: Tensor, slopes: Tensor, bits: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
        """Return h_k and the factor of h̃_k at b_k, [K, B, 2], and at b_k with each bit flipped, [K, B, D, 2]."""
        # ∇f_j·(b_k − b_j) and how a flipped bit changes it, [K, K, B] and [K, K, B, D], k before j.
        linear = torch.einsum("jbd,kbd->kjb", slopes, bits) - (slopes * bits).sum(2)
        flipped = linear[..., None] + slopes[None] * flip[:, None]
        height = f[None].expand_as(linear)
        here = self._mean_over_others(self.network(torch.stack([height, linear], -1)))
        there = self.network(torch.stack([height[..., None].expand_as(flipped), flipped], -1))
        return here, self._mean_over_others(there)

    @staticmethod
    def _mean_over_others(value: Tensor) -> Tensor:
        """Average functions of sample j at sample k, [K, K, ...] with k first, over j ≠ k."""
        own = value.diagonal().movedim(-1, 0)
        return (value.sum(1) - own) / (len(value) - 1)

    def evaluations(self, samples: int) -> int | None:
        return samples
