"""The task, to begin with a Gaussian model of made-up rows whose ELBO has a closed form."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from varbench import Data, Defaults, Draw, Guide, Latents, Model, Target, Task


class LinearGuide(Guide):
    """q(z|x) = N(a x, s² I), with a and log s as parameters φ."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.3))
        self.log_scale = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor, draw: Draw) -> None:
        mean = self.slope * x
        normal = Normal(mean, self.log_scale.exp().expand_as(mean), validate_args=False)
        draw("z", Independent(normal, 1, validate_args=False))


class LinearModel(Model):
    """p(x, z) = N(z; 0, I) N(x; w z, I), with w as parameter θ."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        prior = Normal(0.0, 1.0, validate_args=False).log_prob(z["z"])
        likelihood = Normal(self.weight * z["z"], 1.0, validate_args=False).log_prob(x)
        return (prior + likelihood).sum(-1)


class MyTask(Task):
    """The ELBO of rows x ~ N(w z, I), z ~ N(0, I), with an amortized guide.

    Args:
        dim: D, the length of a row and of its z.
    """

    dtype = torch.float64
    defaults = Defaults(batch_size=10)

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        self.guide: LinearGuide = LinearGuide()
        self.model: LinearModel = LinearModel()
        self.dim = dim

    def load(self) -> Data:
        rows = 2 * torch.randn(120, self.dim, generator=torch.Generator().manual_seed(0))
        return Data(train=rows[:100], test=rows[100:], name="made-up")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target != "elbo":
            return None
        mean, log_scale, weight = self.guide.slope * x, self.guide.log_scale, self.model.weight
        variance = (2 * log_scale).exp()
        prior = mean**2 + variance
        likelihood = (x - weight * mean) ** 2 + weight**2 * variance
        return (log_scale + (1 - math.log(2 * math.pi) - prior - likelihood) / 2).sum(-1)
