"""Importance weights with a Gamma distribution, for which the bias of the K-sample bound is known at every K."""

import math
from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.distributions import Gamma, Independent

from tasks.base import Data, Defaults, Draw, GenerativeModel, Guide, Latents, Target, Task, empty_data, is_elbo


@final
class PositiveGuide(Guide):
    """q(z) = Gamma(z; α, β), with log α (`log_concentration`) and log β (`log_rate`) as parameters, each [1]."""

    def __init__(self, concentration: float, rate: float) -> None:
        super().__init__()
        self.log_concentration = nn.Parameter(torch.full((1,), math.log(concentration), dtype=torch.float64))
        self.log_rate = nn.Parameter(torch.full((1,), math.log(rate), dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        shape = (x.shape[0], 1)
        gamma = Gamma(
            self.log_concentration.exp().expand(shape), self.log_rate.exp().expand(shape), validate_args=False
        )
        draw("z", Independent(gamma, 1, validate_args=False))


@final
class ScaledGamma(GenerativeModel):
    """p(x, z) = C · Gamma(z; a + 1, b), with log C = log p(x) as `log_normaliser` and log b as `log_rate`."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.concentration = a + 1
        self.log_normaliser = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_rate = nn.Parameter(torch.full((), math.log(a), dtype=torch.float64))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.value(z["z"].log(), z["z"]).squeeze(-1)

    def value(self, log_z: Tensor, z: Tensor) -> Tensor:
        """Return log p(x, z), which is linear in (log z, z): given their means, its mean."""
        log_density = self.concentration * self.log_rate - math.lgamma(self.concentration)
        return self.log_normaliser + log_density + (self.concentration - 1) * log_z - self.log_rate.exp() * z

    def prior(self, x: Tensor, draw: Draw) -> None:
        rate = self.log_rate.exp().expand(x.shape[0], 1)
        gamma = Gamma(torch.full_like(rate, self.concentration), rate, validate_args=False)
        draw("z", Independent(gamma, 1, validate_args=False))


@final
class GammaWeights(Task):
    """q = Gamma(a, rate a) and p(x, z) = C · Gamma(z; a + 1, rate a): the weight w = C z is Gamma distributed.

    The mean of K weights is C times Gamma(aK, rate aK), so that L_K − log p(x) = ψ(aK) − log(aK), about −1/(2aK),
    and Var L̂_K = ψ₁(aK), for every K (and so for every term of a jackknife, Nowozin 2018).

    The bound's gradient is in closed form wherever the guide has the model's rate and the concentration a; elsewhere
    `exact` answers NaN for K > 1. The ELBO and the evidence are exact everywhere. The optimum is q = Gamma(a + 1, b).

    Args:
        a: the concentration of the weights: their variance is 1/a.
    """

    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "dreg"}
    detail = ("guide.log_concentration", "guide.log_rate")
    # C has no optimum: the bound rises with it without end, so the model stays as it is.
    defaults = Defaults(model_lr=0.0)

    def __init__(self, a: float = 1.0) -> None:
        super().__init__()
        if a <= 0:
            raise ValueError(f"a is the concentration of a Gamma distribution, so it must be positive; it is {a}")
        self.a = a
        self.guide: PositiveGuide = PositiveGuide(a, a)
        self.model: ScaledGamma = ScaledGamma(a)

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.log_normaliser.expand(x.shape[0])
        if is_elbo(target, samples):
            return self._elbo().expand(x.shape[0])
        if target == "iwae":
            return self._importance_bound(samples).expand(x.shape[0])
        return None

    def _elbo(self) -> Tensor:
        concentration, rate = self.guide.log_concentration.exp(), self.guide.log_rate.exp()
        log_z, z = torch.digamma(concentration) - self.guide.log_rate, concentration / rate
        return (self.model.value(log_z, z) - self._log_guide(log_z, z)).squeeze(-1)

    def _importance_bound(self, samples: int) -> Tensor:
        """Return the tangent of L_K at the point where w = C z, from the law of S = Σ_k z_k there.

        ∇L_K = ∇_φ E_q[log S] + E[Σ_k w̃_k ∇(log p(x, z_k) − log q(z_k))]. There S ~ Gamma(αK, β) is independent of the
        normalised weights z_k/S, which are Dirichlet.
        """
        concentration, log_rate = self.guide.log_concentration.exp(), self.guide.log_rate
        total = samples * concentration.detach()
        log_z = (
            torch.digamma(total / samples + 1) - torch.digamma(total + 1) + torch.digamma(total)
        ) - log_rate.detach()
        z = total * (total / samples + 1) / (total + 1) * torch.exp(-log_rate.detach())
        log_weight = self.model.value(log_z, z) - self._log_guide(log_z, z)
        log_sum = torch.digamma(samples * concentration) - log_rate
        # E Σ w̃ log w is not L_K, only its gradient counts: it is E log (C S b/(a K)) that is the value.
        scale = self.model.log_normaliser.detach() + log_rate.detach() - torch.log(total)
        bound = log_sum + scale + log_weight - log_weight.detach()
        return (bound * self._where_exact()).squeeze(-1)

    def _log_guide(self, log_z: Tensor, z: Tensor) -> Tensor:
        """Return the mean of log q(z) given those of log z and z."""
        concentration, log_rate = self.guide.log_concentration.exp(), self.guide.log_rate
        normaliser = concentration * log_rate - torch.lgamma(concentration)
        return normaliser + (concentration - 1) * log_z - log_rate.exp() * z

    def _where_exact(self) -> Tensor:
        """Return 1 where the weights are C z, and else NaN, which spreads to the gradient."""
        concentration = (self.guide.log_concentration.detach() - math.log(self.a)).abs()
        rate = (self.guide.log_rate.detach() - self.model.log_rate.detach()).abs()
        return torch.where(concentration + rate < 1e-12, 1.0, math.nan)
