"""Expectations of simple costs under a Gaussian, with closed forms (Mohamed et al. 2020, section 3)."""

from abc import abstractmethod
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from tasks.base import Data, Defaults, Draw, Guide, Latents, Model, Target, Task, empty_data
from tasks.parts.sizes import at_least, positive


@final
class GaussianGuide(Guide):
    """q(z) = Π_d N(z_d; μ_d, σ_d²), with μ (`loc`) and σ (`scale`) themselves as parameters, each [D].

    Not log σ: the closed-form variances of the literature are those of the gradient in σ. The distribution takes |σ|,
    so that it stays defined, and the same function of σ², when a gradient step carries σ across zero.
    """

    def __init__(self, dim: int, loc: float, scale: float) -> None:
        super().__init__()
        at_least(1, dim=dim)
        positive(scale=scale)
        self.loc = nn.Parameter(torch.full((dim,), loc, dtype=torch.float64))
        self.scale = nn.Parameter(torch.full((dim,), scale, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        shape = (x.shape[0], self.loc.shape[0])
        normal = Normal(self.loc.expand(shape), self.scale.abs().expand(shape), validate_args=False)
        draw("z", Independent(normal, 1, validate_args=False))


class GaussianToy(Task):
    """E over z ~ N(μ, σ²) of a cost Σ_d c(z_d), minimised in μ and σ.

    Args:
        k: the cost's parameter.
        dim: D, the number of independent coordinates, whose costs are added.
        loc: where each μ starts.
        scale: where each σ starts.
    """

    target = "expectation"
    maximise = False
    dtype = torch.float64
    unit = "cost"
    detail = ("guide.loc", "guide.scale")
    defaults = Defaults(model_lr=0.0)

    def __init__(self, k: float, dim: int, loc: float, scale: float) -> None:
        super().__init__()
        self.k = k
        self.guide: GaussianGuide = GaussianGuide(dim, loc, scale)

    @abstractmethod
    def expectation(self, loc: Tensor, variance: Tensor) -> Tensor:
        """Return E c(z_d) for each coordinate, [D]."""

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target != "expectation":
            return None
        return self.expectation(self.guide.loc, self.guide.scale**2).sum().expand(x.shape[0])


@final
class QuadraticCost(Model):
    """f(z) = Σ_d (z_d − k)²."""

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return ((z["z"] - self.k) ** 2).sum(-1)


@final
class GaussianQuadratic(GaussianToy):
    """E (z − k)² = (μ − k)² + σ².

    For D = 1 and one sample the variances are, with c = μ − k: score function c⁴/σ² + 14c² + 15σ² for μ and
    2c⁴/σ² + 60c² + 74σ² for σ; pathwise 4σ² for μ and 4c² + 8σ² for σ. By default c = −2: the optimum is away from μ.
    """

    def __init__(self, k: float = 3.0, dim: int = 1, loc: float = 1.0, scale: float = 1.0) -> None:
        super().__init__(k, dim, loc, scale)
        self.model = QuadraticCost(k)

    def expectation(self, loc: Tensor, variance: Tensor) -> Tensor:
        return (loc - self.k) ** 2 + variance


@final
class ExponentialCost(Model):
    """f(z) = Σ_d exp(−k z_d²)."""

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return torch.exp(-self.k * z["z"] ** 2).sum(-1)


@final
class GaussianExponential(GaussianToy):
    """E exp(−k z²) = (1 + 2kσ²)^(−1/2) exp(−k μ² / (1 + 2kσ²)); k ≥ 0."""

    def __init__(self, k: float = 1.0, dim: int = 1, loc: float = 1.0, scale: float = 1.0) -> None:
        if k < 0:
            raise ValueError(f"k must not be negative, or the expectation may be infinite; it is {k}")
        super().__init__(k, dim, loc, scale)
        self.model = ExponentialCost(k)

    def expectation(self, loc: Tensor, variance: Tensor) -> Tensor:
        spread = 1 + 2 * self.k * variance
        return spread**-0.5 * torch.exp(-self.k * loc**2 / spread)


@final
class CosineCost(Model):
    """f(z) = Σ_d cos(k z_d)."""

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return torch.cos(self.k * z["z"]).sum(-1)


@final
class GaussianCosine(GaussianToy):
    """E cos(kz) = exp(−k²σ²/2) cos(kμ)."""

    def __init__(self, k: float = 1.0, dim: int = 1, loc: float = 1.0, scale: float = 1.0) -> None:
        super().__init__(k, dim, loc, scale)
        self.model = CosineCost(k)

    def expectation(self, loc: Tensor, variance: Tensor) -> Tensor:
        return torch.exp(-0.5 * self.k**2 * variance) * torch.cos(self.k * loc)
