"""Simultaneous perturbation stochastic approximation."""

from typing import final

import torch
from torch import Tensor

from estimators.parts.perturbation import Perturbation


@final
class SPSA(Perturbation):
    """(1/K) Σ_k Δ_k [f(u + c Δ_k) − f(u − c Δ_k)] / 2c · ∇_φ u with signs Δ ∈ {−1, 1}.

    u are the parameters of the guide's distributions, the logarithm of those that must be positive; every coordinate
    is perturbed at once, and both sides share their random numbers. f is a black box, except for θ's own gradient.
    Requirements: sites whose draws follow from base noise (not Gamma's rejection). Bias: O(c²). Cost: 2 K evaluations.

    Args:
        size: c.
    """

    targets = ("expectation", "elbo")
    unbiased = False
    formula = "(1/K) Σ_k Δ_k [f(u + cΔ_k) − f(u − cΔ_k)] / 2c · ∇_φ u, Δ ∈ {−1, 1}"
    paper = "Spall 1992, eq. 2.2"

    def __init__(self, size: float = 0.1) -> None:
        super().__init__(size)

    def direction(self, like: Tensor) -> Tensor:
        return 2 * torch.randint(2, like.shape, device=like.device).to(like.dtype) - 1
