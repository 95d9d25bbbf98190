"""The antithetic estimator for binary latents, for an expectation and for the K-sample bound."""

import math
from typing import final

import torch
from torch import Tensor

from estimators.base import Estimate, log_mean_exp, log_sum_exp_of_others
from estimators.parts.binary import along_logits
from estimators.parts.branches import Alternatives
from estimators.parts.paired import PairedDifference
from estimators.parts.shapes import as_events
from tasks.base import Task


class Antithetic(PairedDifference):
    """b = 1[u < p] with b̃ = 1[1 − u < p], and ARM's factor ½ − u averaged over the u that give this pair."""

    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        opposite = (1 - uniform < logits.sigmoid()).to(bits.dtype)
        weight = 0.5 * (bits - opposite) * logits.abs().sigmoid()
        return Alternatives(opposite[None], weight[None])


@final
class DisARM(Antithetic):
    """½ (f(b) − f(b̃)) (−1)^b̃ 1[b ≠ b̃] σ(|logit|) in the logits, b = 1[u < p], b̃ = 1[u > 1 − p].

    It is ARM with u integrated out given the pair, and so never has more variance. K pairs are averaged; a
    leave-one-out baseline over the other pairs would drop out of f(b) − f(b̃). With L layers of latents, each has its
    own b̃, which shares the values before it; what lies behind is drawn anew. Detached: b and f.
    Requirements: Bernoulli latents. Bias: none. Cost: 2K evaluations, (L + 1) K with L layers.
    """

    formula = "(1/K) Σ_k ½ (f(b_k) − f(b̃_k)) (−1)^b̃_k 1[b_k ≠ b̃_k] σ(|logit|)"
    paper = "Dong, Mnih & Tucker 2020; Yin, Ho, Yan, Qian & Zhou 2020 (U2G)"


@final
class DisARMIW(Antithetic):
    """φ: Σ_k ½ (L̂ − L̂_{k→b̃_k}) (−1)^b̃_k 1[b_k ≠ b̃_k] σ(|logit|) − Σ_k w̃_k s_k. θ: Σ_k w̃_k ∇_θ log p(x, b_k).

    L̂_{k→b̃_k} is the bound with b̃_k in place of b_k; each sample has its own pair, the others are held. The last term
    is ∇_φ of the bound at fixed b. With L layers, as in `disarm`. Detached: b, L̂ and w̃.
    Requirements: Bernoulli latents. Bias: none for the K-sample bound. Cost: 2K evaluations, (L + 1) K with L layers.
    """

    targets = ("iwae",)
    total_gradient = True
    formula = "φ: Σ_k ½ (L̂ − L̂_{k→b̃_k}) (−1)^b̃_k 1[b_k ≠ b̃_k] σ(|logit|) − Σ_k w̃_k s_k;  θ: Σ_k w̃_k ∇_θ log p"
    paper = "Dong, Mnih & Tucker 2020"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = self.branch(task, x, samples)
        drawn, others = draw.split()
        log_q = draw.trace.log_prob()
        log_weight = task.model(x, drawn) - log_q[:samples]
        with torch.no_grad():
            replaced = torch.cat([log_weight, task.model(x, others) - log_q[samples:]])
        bound = log_mean_exp(log_weight)
        held = log_sum_exp_of_others(log_weight.detach())
        surrogate = bound
        for name, weight in draw.weights.items():
            signal = bound.detach() - torch.logaddexp(held, draw.alternatives(name, replaced)) + math.log(samples)
            slope = (as_events(signal, weight) * weight).sum(0)
            surrogate = surrogate + along_logits(slope, draw.logits(name)).sum(0)
        return Estimate(bound.detach(), surrogate)
