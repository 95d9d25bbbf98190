"""Counts with Gamma rates: a conjugate model for guides over positive latents."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, final, get_args

import torch
from torch import Tensor, nn
from torch.distributions import Gamma, Independent, LogNormal

from tasks.base import Data, Defaults, Draw, Guide, Latents, SimulableModel, Target, Task, is_elbo
from tasks.numerics import poisson
from tasks.parts.sizes import at_least

Family = Literal["gamma", "log-normal"]

_TRUE_CONCENTRATION, _TRUE_RATE = 2.0, 0.5
_SEED = 20160101


class RateGuide(Guide, ABC):
    """A guide of which the means that the ELBO needs are known."""

    @abstractmethod
    def moments(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return E log z, E z and the entropy in nats, each [B, D]."""


@final
class GammaGuide(RateGuide):
    """q(z_d|x_d) = Gamma(exp(`log_offset`) + exp(`log_slope`) x_d, exp(`log_rate`)), each parameter [D].

    The posterior has a slope of one and the prior's rate plus one; the slope starts at one half, the rate at one.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_offset = nn.Parameter(torch.zeros(dim, dtype=torch.float64))
        self.log_slope = nn.Parameter(torch.full((dim,), -math.log(2), dtype=torch.float64))
        self.log_rate = nn.Parameter(torch.zeros(dim, dtype=torch.float64))

    def _parameters_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        concentration = self.log_offset.exp() + self.log_slope.exp() * x
        return concentration, self.log_rate.exp().expand_as(concentration)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Independent(Gamma(*self._parameters_at(x), validate_args=False), 1, validate_args=False))

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        concentration, rate = self._parameters_at(x)
        digamma = torch.digamma(concentration)
        entropy = concentration - rate.log() + torch.lgamma(concentration) + (1 - concentration) * digamma
        return digamma - rate.log(), concentration / rate, entropy


@final
class LogNormalGuide(RateGuide):
    """q(z_d|x_d) = LogNormal(`bias` + `weight` log(x_d + ½), exp(`log_scale`)), each parameter [D]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(dim, dtype=torch.float64))
        self.weight = nn.Parameter(torch.full((dim,), 0.5, dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.full((dim,), -0.5, dtype=torch.float64))

    def _parameters_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        loc = self.bias + self.weight * (x + 0.5).log()
        return loc, self.log_scale.exp().expand_as(loc)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Independent(LogNormal(*self._parameters_at(x), validate_args=False), 1, validate_args=False))

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loc, scale = self._parameters_at(x)
        entropy = loc + scale.log() + 0.5 * math.log(2 * math.pi * math.e)
        return loc, torch.exp(loc + scale**2 / 2), entropy


@final
class PoissonModel(SimulableModel):
    """z_d ~ Gamma(a_d, b_d), x_d ~ Poisson(z_d), with log a (`log_concentration`) and log b (`log_rate`), each [D].

    Hence x_d is negative binomial, and z_d|x_d ~ Gamma(a_d + x_d, b_d + 1).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_concentration = nn.Parameter(torch.zeros(dim, dtype=torch.float64))
        self.log_rate = nn.Parameter(torch.zeros(dim, dtype=torch.float64))

    def value(self, x: Tensor, log_z: Tensor, z: Tensor) -> Tensor:
        """Return log p(x, z) per coordinate, which is linear in (log z, z): given their means, its mean."""
        concentration = self.log_concentration.exp()
        normaliser = concentration * self.log_rate - torch.lgamma(concentration) - torch.lgamma(x + 1)
        return normaliser + (concentration + x - 1) * log_z - (self.log_rate.exp() + 1) * z

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.value(x, z["z"].log(), z["z"]).sum(-1)

    def prior(self, x: Tensor, draw: Draw) -> None:
        gamma = Gamma(self.log_concentration.exp().expand_as(x), self.log_rate.exp().expand_as(x), validate_args=False)
        draw("z", Independent(gamma, 1, validate_args=False))

    def simulate(self, z: Latents) -> Tensor:
        return poisson(z["z"])

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, [B], negative binomial."""
        concentration, rate = self.log_concentration.exp(), self.log_rate.exp()
        ways = torch.lgamma(concentration + x) - torch.lgamma(concentration) - torch.lgamma(x + 1)
        return (ways + concentration * self.log_rate - (concentration + x) * torch.log1p(rate)).sum(-1)


@final
class GammaPoisson(Task):
    """z_d ~ Gamma(a_d, b_d), x_d ~ Poisson(z_d): evidence and ELBO in closed form, with an amortized guide.

    Gamma guides need implicit reparameterization (Figurnov et al. 2018), RSVI or G-REP; `guide=log-normal` is the
    explicit alternative. Data: counts with a = 2 and b = ½, always the same.

    Args:
        guide: `gamma`, which holds the posterior, or `log-normal`, which does not.
        dim: D, the number of counts in an observation.
        n: the number of observations in the training set, and in the test set.
    """

    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "dreg"}
    checked = ({"dim": 2, "n": 8}, {"guide": "log-normal", "dim": 2, "n": 8})
    defaults = Defaults(steps=2000, batch_size=20, model_lr=5e-3, guide_lr=5e-3)

    def __init__(self, guide: Family = "gamma", dim: int = 3, n: int = 500) -> None:
        super().__init__()
        if guide not in get_args(Family):
            raise ValueError(f"guide must be gamma or log-normal; it is '{guide}'")
        at_least(1, dim=dim, n=n)
        self.dim, self.n = dim, n
        self.guide: RateGuide = GammaGuide(dim) if guide == "gamma" else LogNormalGuide(dim)
        self.model: PoissonModel = PoissonModel(dim)

    def load(self) -> Data:
        generator = torch.Generator().manual_seed(_SEED)
        # A Gamma variable of an integer concentration is a sum of exponentials.
        uniform = torch.rand(int(_TRUE_CONCENTRATION), 2, self.n, self.dim, generator=generator, dtype=self.dtype)
        rate = -torch.log1p(-uniform).sum(0) / _TRUE_RATE
        train, test = torch.poisson(rate, generator=generator)
        return Data(train, test, "generated", f"{self.dim} counts each, mean 4, generator seed {_SEED}")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.log_evidence(x)
        if is_elbo(target, samples):
            log_z, z, entropy = self.guide.moments(x)
            return (self.model.value(x, log_z, z) + entropy).sum(-1)
        return None
