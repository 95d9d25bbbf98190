"""A cost with a third power."""

import torch
from torch import Tensor

from tasks.base import Data, Latents, Model, Target, Task, empty_data
from tasks.toys.gaussian import GaussianGuide


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
        self.guide: GaussianGuide = GaussianGuide(1, 1.0, 1.0)
        self.model: Cubic = Cubic()

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target != "expectation":
            return None
        mean, variance = self.guide.loc, self.guide.scale**2
        return (mean**3 + 3 * mean * variance).sum().expand(x.shape[0])
