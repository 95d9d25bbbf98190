"""The variational Rényi bound."""

from typing import final

from torch import Tensor

from estimators.base import log_mean_exp
from estimators.parts.bound import Bound


@final
class Renyi(Bound):
    """∇ (1/(1−α)) log (1/K) Σ_k w_k^{1−α}; α = 0 is the importance-weighted bound, α → 1 the ELBO.

    Pathwise it is Σ_k w̃_k ∇ log w_k with w̃ ∝ w^{1−α}. The score function of a discrete site keeps the coefficient of
    finite K, L̂_α − w̃_k; that of K → ∞, w̃_k · α/(1−α) up to constants, would be biased.
    Requirements: none. Bias: none for its own K-sample bound, which for α < 0 may exceed log p(x). Cost: K evaluations.

    Args:
        alpha: α, any number but 1.
    """

    targets = ("renyi",)
    formula = "∇ (1/(1−α)) log (1/K) Σ_k w_k^{1−α}"
    paper = "Li & Turner 2016, eq. 8 and 15"

    def __init__(self, alpha: float = 0.5) -> None:
        super().__init__()
        if alpha == 1:
            raise ValueError("alpha must not be 1, where the bound is the ELBO: use reparam or reinforce")
        self.alpha = alpha

    def bound(self, log_weight: Tensor) -> Tensor:
        return log_mean_exp((1 - self.alpha) * log_weight) / (1 - self.alpha)
