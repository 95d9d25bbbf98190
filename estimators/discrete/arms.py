"""Antithetic REINFORCE with several samples."""

from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution

from estimators.base import Estimate, evaluate
from estimators.draw import Draw
from estimators.parts.binary import BinaryEstimator, along_logits, logits_of
from estimators.parts.shapes import as_events
from tasks.base import Task
from tasks.numerics import log_sigmoid


@final
class ARMS(BinaryEstimator):
    """(1/(K−1)) Σ_k (f_k − f̄)(b_k − p) · p(1 − p)/(p − P₁₁) in the logits, the K samples mutually antithetic.

    Per bit, d ~ Dirichlet(1, …, 1) and u_k = (1 − d_k)^{K−1}, uniform each; b_k = 1[u_k < p] for p < ½, else
    1[1 − u_k < p]. P₁₁ = P(b_j = b_k = 1) = max(0, 2p^{1/(K−1)} − 1)^{K−1} for p < ½, and for p ≥ ½ that of 1 − p, plus
    2p − 1. The factor undoes the correlation; at K = 2 it is DisARM. Detached: b and f.
    Requirements: one layer of Bernoulli latents, K ≥ 2. Bias: none. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    minimum_samples = 2
    single_site = True
    formula = "(1/(K−1)) Σ_k (f_k − f̄)(b_k − p) · p(1−p)/(p − P₁₁)"
    paper = "Dimitriev & Zhou 2021"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, _Copula(samples))
        (site,) = run.trace.sites.values()
        logits = logits_of(site.distribution)
        f = run.f.detach()
        slope = as_events(f - f.mean(0), site.value) * (site.value - logits.sigmoid()) * debiasing(logits, samples)
        surrogate = run.model_value.mean(0) + along_logits(slope, logits).sum(0) / (samples - 1)
        return Estimate(f.mean(0), surrogate)

    def evaluations(self, samples: int) -> int | None:
        return samples


def debiasing(logits: Tensor, samples: int) -> Tensor:
    """Return p(1−p)/(p − P₁₁), of the shape of the logits. It is the same for p and 1 − p."""
    # The smaller of the two is exact in floating point where the larger one rounds to 1.
    log_small = log_sigmoid(-logits.abs())
    small = log_small.exp().clamp(min=torch.finfo(logits.dtype).tiny)
    joint = (1 + 2 * torch.expm1(log_small / (samples - 1))).clamp(min=0) ** (samples - 1)
    return (1 - small) / (1 - joint / small)


@final
class _Copula(Draw):
    """K samples whose uniforms come from a Dirichlet, on the side on which they repel each other most."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    @torch.no_grad()
    def value(self, site: str, distribution: Distribution) -> Tensor:
        logits = logits_of(distribution)
        exponential = -torch.log1p(-torch.rand((self.samples, *logits.shape), dtype=logits.dtype, device=logits.device))
        uniform = (1 - exponential / exponential.sum(0)) ** (self.samples - 1)
        return (torch.where(logits < 0, uniform, 1 - uniform) < logits.sigmoid()).to(logits.dtype)
