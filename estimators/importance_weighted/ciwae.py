"""The combination of ELBO and importance-weighted bound."""

from typing import final

from torch import Tensor

from estimators.base import log_mean_exp
from estimators.parts.bound import Bound


@final
class CIWAE(Bound):
    """∇ [β ELBO + (1 − β) L_K], both from the same K samples.

    The ELBO's part keeps a signal for φ as K grows, where that of L_K alone drowns (Rainforth et al. 2018).
    Detached: nothing. Requirements: none; a discrete site gets the score function. Bias: none for that combination.
    Cost: K evaluations.

    Args:
        beta: β, the share of the ELBO, in [0, 1].
    """

    targets = ("ciwae",)
    formula = "∇ [β (1/K) Σ_k log w_k + (1 − β) log (1/K) Σ_k w_k]"
    paper = "Rainforth, Kosiorek, Le, Maddison, Igl, Wood & Teh 2018, eq. 11"

    def __init__(self, beta: float = 0.5) -> None:
        super().__init__()
        if not 0 <= beta <= 1:
            raise ValueError(f"beta must be in [0, 1]; it is {beta}")
        self.beta = beta

    def bound(self, log_weight: Tensor) -> Tensor:
        return self.beta * log_weight.mean(0) + (1 - self.beta) * log_mean_exp(log_weight)
