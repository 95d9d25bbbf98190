"""ReinMax."""

from typing import final

from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.distributions import Noise
from estimators.parts.hard_forward import HardForward, hard_sample
from estimators.parts.sampling import Sampling


@final
class ReinMax(HardForward):
    """(1/K) Σ_k [2 J(½(softmax(logits/τ) + b_k)) − ½ J(softmax(logits))] ∂_b f(b_k), J(p) = diag p − p pᵀ.

    Heun's method where straight-through is Euler's: f(c) − f(b) is taken by the trapezoidal rule. Rows of J sum to
    zero, so that the gradient's mean over classes is zero already. Binary: two classes, of which f sees one.
    Detached: b and p within J. Requirements: Bernoulli or one-hot latents, f differentiable in them.
    Bias: none at τ = 1 where f is quadratic in each of independent variables, the others fixed; else yes.
    Cost: K evaluations.

    Args:
        temperature: τ.
        sampling: iid, antithetic or rqmc.
    """

    formula = "(1/K) Σ_k [2 J(½(softmax(logits/τ) + b_k)) − ½ J(softmax(logits))] ∂_b f(b_k)"
    paper = "Liu, Dong, Liu, Yu & Gao 2023, eq. 6 and algorithm 2"

    def __init__(self, temperature: float = 1.0, sampling: Sampling = "iid") -> None:
        super().__init__(temperature, sampling)

    def sample(self, distribution: Distribution, shape: Size, noise: Noise) -> tuple[Tensor, Tensor]:
        relaxation = distributions.relaxation(distribution)
        hard = hard_sample(distribution, shape, noise)
        middle = (relaxation.soft(relaxation.logits, self.temperature) + hard) / 2
        return hard, 2 * relaxation.tangent(middle) - relaxation.tangent(relaxation.probs) / 2
