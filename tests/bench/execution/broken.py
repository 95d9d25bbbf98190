"""Tasks whose gradients or data are not finite, by `module:Class`."""

from dataclasses import replace
from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from tasks.base import Data, Draw, Guide, Latents, Model, Task, empty_data
from tasks.latent_variables.linear_gaussian import LinearGaussian


@final
class _Standard(Guide):
    """z ~ N(μ, 1)."""

    def __init__(self, broken: bool) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.broken = broken

    def forward(self, x: Tensor, draw: Draw) -> None:
        # |μ|^½ is zero at the start, and its slope infinite.
        loc = self.loc.abs().sqrt() if self.broken else self.loc
        draw("z", Independent(Normal(loc.expand(x.shape[0], -1), 1.0, validate_args=False), 1, validate_args=False))


@final
class _Cost(Model):
    """f(z) = (z − 1)² + θ²."""

    def __init__(self, broken: bool) -> None:
        super().__init__()
        self.size = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.broken = broken

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        size = self.size.abs().sqrt() if self.broken else self.size.square()
        return (z["z"] - 1).square().sum(-1) + size


@final
class Kinked(Task):
    """A cost whose gradient in φ or θ is not finite at the initial parameters, where the cost itself is."""

    target = "expectation"
    maximise = False
    dtype = torch.float64

    def __init__(self, group: Literal["guide", "model"] = "guide") -> None:
        super().__init__()
        self.guide: _Standard = _Standard(group == "guide")
        self.model: _Cost = _Cost(group == "model")

    def load(self) -> Data:
        return empty_data("none", self.dtype)


class Gappy(LinearGaussian):
    """Data with a number that is missing."""

    def load(self) -> Data:
        data = super().load()
        train = data.train.clone()
        train[3] = torch.nan
        return replace(data, train=train)
