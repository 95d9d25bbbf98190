"""The straight-through Gumbel-softmax estimator."""

from typing import final

from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.distributions import Noise
from estimators.parts.hard_forward import HardForward
from estimators.parts.sampling import Sampling


@final
class STGumbelSoftmax(HardForward):
    """(1/K) Σ_k J(y_k) ∂_b f(b_k)/τ, b = argmax(logits + G), y = softmax((logits + G)/τ), J(y) = diag y − y yᵀ.

    The hard sample goes forward, the relaxed one's derivative back, with the same noise; binary: b = 1[logits + L > 0].
    Detached: y within J. Requirements: Bernoulli or one-hot latents, f differentiable in them.
    Bias: yes, for every target. Cost: K evaluations.

    Args:
        temperature: τ.
        sampling: iid, antithetic or rqmc.
    """

    formula = "(1/K) Σ_k J(y_k) ∂_b f(b_k)/τ, y = softmax((logits + G)/τ)"
    paper = "Jang, Gu & Poole 2017, section 2.2"

    def __init__(self, temperature: float = 0.5, sampling: Sampling = "iid") -> None:
        super().__init__(temperature, sampling)

    def sample(self, distribution: Distribution, shape: Size, noise: Noise) -> tuple[Tensor, Tensor]:
        relaxation = distributions.relaxation(distribution)
        z = (relaxation.logits + relaxation.epsilon(relaxation.uniform(shape, noise))).detach()
        path = relaxation.tangent(relaxation.soft(z, self.temperature)) / self.temperature
        return relaxation.hard(z), path
