"""A task whose guide has dropout, by `module:Class`."""

from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from tasks.base import Data, Draw, Guide, Latents, Model, Target, Task


@final
class _Guide(Guide):
    """q(z|x) = N(μ dropout(x), 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.dropout = nn.Parameter(torch.full((), 0.5, dtype=torch.float64)), nn.Dropout(0.5)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Independent(Normal(self.mean * self.dropout(x), 1.0, validate_args=False), 1, validate_args=False))


@final
class _Model(Model):
    """z ~ N(0, I), x|z ~ N(z, I), without the constants of q and p that cancel."""

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return -0.5 * (z["z"].square() + (x - z["z"]).square()).sum(-1)


@final
class Dropout(Task):
    """An ELBO that is exact in `eval` mode, at every mask."""

    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide: _Guide = _Guide()
        self.model: _Model = _Model()

    def load(self) -> Data:
        rows = torch.linspace(-3, 3, 80, dtype=self.dtype).reshape(20, 4)
        return Data(rows, rows, "made up")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target != "elbo":
            return None
        mean = self.guide.mean * self.guide.dropout(x)
        entropy = 0.5 * torch.log(2 * torch.pi * torch.e * torch.ones_like(mean))
        return (-0.5 * (mean**2 + 1 + (x - mean) ** 2 + 1) + entropy).sum(-1)
