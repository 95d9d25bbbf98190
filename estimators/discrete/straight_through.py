"""The straight-through estimator."""

from typing import final

from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.distributions import Noise
from estimators.parts.hard_forward import HardForward, hard_sample
from estimators.parts.sampling import Sampling


@final
class StraightThrough(HardForward):
    """(1/K) Σ_k J(p) ∂_b f(b_k)/τ, p = softmax(logits/τ), J(p) = diag p − p pᵀ; binary: p = σ(logits/τ).

    As if b were its own mean. Detached: p within J. Requirements: Bernoulli or one-hot latents, f differentiable in
    them. Bias: none at τ = 1 where f is linear in each of independent variables, the others fixed; else yes.
    Cost: K evaluations.

    Args:
        temperature: τ.
        sampling: iid, antithetic or rqmc.
    """

    formula = "(1/K) Σ_k J(softmax(logits/τ)) ∂_b f(b_k)/τ"
    paper = "Bengio, Léonard & Courville 2013, section 4; Hinton 2012"

    def __init__(self, temperature: float = 1.0, sampling: Sampling = "iid") -> None:
        super().__init__(temperature, sampling)

    def sample(self, distribution: Distribution, shape: Size, noise: Noise) -> tuple[Tensor, Tensor]:
        relaxation = distributions.relaxation(distribution)
        path = relaxation.tangent(relaxation.soft(relaxation.logits, self.temperature)) / self.temperature
        return hard_sample(distribution, shape, noise), path
