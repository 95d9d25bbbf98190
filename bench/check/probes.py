"""Two tiny tasks, one with a discrete and one with a Gaussian latent, to see what an estimator refuses."""

from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from tasks.base import Data, Draw, GenerativeModel, Guide, Latents, Task, empty_data


@final
class _ProbeGuide(Guide):
    """One site `z` with one coordinate."""

    def __init__(self, discrete: bool) -> None:
        super().__init__()
        self.discrete = discrete
        self.parameter = nn.Parameter(torch.full((1,), 0.3, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", _site(self.discrete, self.parameter, x.shape[0]))


@final
class _ProbeModel(GenerativeModel):
    """z from the guide's family, x|z ~ N(z + θ, 1)."""

    def __init__(self, discrete: bool) -> None:
        super().__init__()
        self.discrete = discrete
        self.loc = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return -0.5 * ((x - z["z"] - self.loc) ** 2 + z["z"] ** 2).sum(-1)

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", _site(self.discrete, torch.zeros_like(self.loc), x.shape[0]))


@final
class Probe(Task):
    """A bound with one latent site, discrete or Gaussian; it is never measured on."""

    dtype = torch.float64

    def __init__(self, discrete: bool) -> None:
        super().__init__()
        self.guide: _ProbeGuide = _ProbeGuide(discrete)
        self.model: _ProbeModel = _ProbeModel(discrete)

    def load(self) -> Data:
        return empty_data("none", self.dtype)


def _site(discrete: bool, parameter: Tensor, batch: int) -> Distribution:
    expanded = parameter.expand(batch, -1)
    if discrete:
        return Independent(Bernoulli(logits=expanded, validate_args=False), 1, validate_args=False)
    return Independent(Normal(expanded, torch.ones_like(expanded), validate_args=False), 1, validate_args=False)
