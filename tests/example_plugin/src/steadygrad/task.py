"""A cost with a third power."""

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from varbench import Data, Draw, Guide, Latents, Model, Target, Task, empty_data


class Gaussian(Guide):
    """q(z) = N(μ, σ²), both 1 at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.ones(1, dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        mean, scale = self.mean.expand(len(x), -1), self.log_scale.exp().expand(len(x), -1)
        draw("z", Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False))


class Cubic(Model):
    """f(z) = z³."""

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return (z["z"] ** 3).sum(-1)


class CubicCost(Task):
    """E z³ = μ³ + 3μσ²."""

    target = "expectation"
    maximise = False
    dtype = torch.float64
    unit = "cost"

    def __init__(self) -> None:
        super().__init__()
        self.guide: Gaussian = Gaussian()
        self.model: Cubic = Cubic()

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target != "expectation":
            return None
        mean, variance = self.guide.mean, (2 * self.guide.log_scale).exp()
        return (mean**3 + 3 * mean * variance).sum().expand(x.shape[0])
