"""The Bernoulli toy of REBAR and RELAX."""

from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent

from tasks.base import Data, Defaults, Draw, Guide, Latents, Model, Target, Task, empty_data
from tasks.parts.sizes import at_least


@final
class BernoulliGuide(Guide):
    """q(b) = Π_d Bernoulli(b_d; σ(logits_d)), starting at probability one half."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(dim, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        bernoulli = Bernoulli(logits=self.logits.expand(x.shape[0], -1), validate_args=False)
        draw("b", Independent(bernoulli, 1, validate_args=False))


@final
class SquaredDistance(Model):
    """f(b) = Σ_d (b_d − t)²."""

    def __init__(self, t: float) -> None:
        super().__init__()
        self.t = t

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return ((z["b"] - self.t) ** 2).sum(-1)


@final
class BernoulliQuadratic(Task):
    """E over b ~ Bernoulli of Σ_d (b_d − t)², minimised in the logits.

    The closer t is to one half, the less the two values of b differ in cost and the more the gradient drowns in
    noise: t = 0.45 in Tucker et al. 2017 (REBAR), 0.499 in Grathwohl et al. 2018 (RELAX). For t < ½ the minimum is at
    b = 0, where the logits are −∞: the optimum is never reached, only approached.

    Args:
        t: what b is compared with.
        dim: D, the number of independent coordinates, whose costs are added.
    """

    target = "expectation"
    maximise = False
    dtype = torch.float64
    unit = "cost"
    detail = ("guide.logits",)
    defaults = Defaults(model_lr=0.0, guide_lr=0.01)
    checked = ({"dim": 3},)

    def __init__(self, t: float = 0.45, dim: int = 1) -> None:
        super().__init__()
        at_least(1, dim=dim)
        self.t = t
        self.guide: BernoulliGuide = BernoulliGuide(dim)
        self.model = SquaredDistance(t)

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target != "expectation":
            return None
        probs = self.guide.logits.sigmoid()
        return (probs * (1 - self.t) ** 2 + (1 - probs) * self.t**2).sum().expand(x.shape[0])
