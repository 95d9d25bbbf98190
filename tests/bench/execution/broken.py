"""A task of which something is not finite, by `module:Class`."""

from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from tasks.base import Data, Draw, Guide, Latents, Model, Task


def _kinked(value: Tensor) -> Tensor:
    """Return |v|^½, which is zero at zero, and its slope infinite."""
    return value.abs().sqrt()


@final
class _Normal(Guide):
    """z ~ N(μ, 1), or N(|μ|^½, 1)."""

    def __init__(self, kinked: bool) -> None:
        super().__init__()
        self.loc, self.kinked = nn.Parameter(torch.zeros(1, dtype=torch.float64)), kinked

    def forward(self, x: Tensor, draw: Draw) -> None:
        loc = _kinked(self.loc) if self.kinked else self.loc
        draw("z", Independent(Normal(loc.expand(x.shape[0], -1), 1.0, validate_args=False), 1, validate_args=False))


@final
class _Cost(Model):
    """f(z) = (z − x)² + θ², or + |θ|^½."""

    def __init__(self, kinked: bool) -> None:
        super().__init__()
        self.size, self.kinked = nn.Parameter(torch.zeros(1, dtype=torch.float64)), kinked

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return (z["z"] - x).square().sum(-1) + (_kinked(self.size) if self.kinked else self.size.square())


@final
class Broken(Task):
    """A cost that is finite at the initial parameters, where its gradient in φ or θ is not; or data that are not."""

    target = "expectation"
    maximise = False
    dtype = torch.float64

    def __init__(self, what: Literal["guide", "model", "data"] = "guide") -> None:
        super().__init__()
        self.what = what
        self.guide: _Normal = _Normal(what == "guide")
        self.model: _Cost = _Cost(what == "model")

    def load(self) -> Data:
        rows = torch.ones(8, 1, dtype=self.dtype)
        if self.what == "data":
            rows[3] = torch.nan
        return Data(rows, rows, "made up")
