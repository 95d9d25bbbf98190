"""The Rao–Blackwellised straight-through Gumbel-softmax estimator."""

from typing import final

from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Bias
from estimators.distributions import Noise
from estimators.parts.hard_forward import HardForward, hard_sample
from estimators.parts.sampling import Sampling


@final
class GumbelRao(HardForward):
    """(1/K) Σ_k [(1/S) Σ_s J(y_ks)/τ] ∂_b f(b_k), y_ks = softmax(z_ks/τ), z_ks ~ p(logits + G | b_k).

    The mean is that of `st-gumbel-softmax`, the variance no larger: the noise that b does not fix is averaged out, and
    f is evaluated at b alone. Detached: b and y within J. Requirements: Bernoulli or one-hot latents, f differentiable
    in them. Bias: yes, for every target. Cost: K evaluations.

    Args:
        draws: S, the conditional draws for each b.
        temperature: τ.
        sampling: iid, antithetic or rqmc, for b.
    """

    formula = "(1/K) Σ_k (1/S) Σ_s J(y_ks) ∂_b f(b_k)/τ, y_ks = softmax(z_ks/τ), z_ks ~ p(logits + G | b_k)"
    paper = "Paulus, Maddison & Krause 2021, eq. 7 and 8"

    def __init__(self, draws: int = 10, temperature: float = 0.5, sampling: Sampling = "iid") -> None:
        super().__init__(temperature, sampling)
        if draws < 1:
            raise ValueError(f"draws must be at least 1; it is {draws}")
        self.draws = draws
        self.bias_claim = Bias(like=f"st-gumbel-softmax(temperature={temperature})")

    def sample(self, distribution: Distribution, shape: Size, noise: Noise) -> tuple[Tensor, Tensor]:
        relaxation = distributions.relaxation(distribution)
        hard = hard_sample(distribution, shape, noise)
        uniform = relaxation.uniform(Size((self.draws, *shape)))
        soft = relaxation.soft(relaxation.conditional(hard, uniform), self.temperature)
        return hard, relaxation.tangent(soft).mean(0) / self.temperature
