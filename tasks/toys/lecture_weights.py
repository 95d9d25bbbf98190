"""Importance weights against log weights, the lecture's example in one dimension."""

import math
from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Latents, Model, Target, Task, empty_data, is_elbo
from tasks.exact.quadrature import importance_bound, normal_nodes
from tasks.toys.gaussian import GaussianGuide

_NODES = {2: 401, 3: 161}
"""Quadrature nodes per sample: 1e-8 nats while |μ − m|·σ < 10; the default is 2.2."""


@final
class ScaledNormal(Model):
    """p(x, z) = C · N(z; m, 1), with log C = log p(x) (`log_normaliser`) and m (`loc`) as parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.log_normaliser = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.loc = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        log_normal = -0.5 * (z["z"] - self.loc) ** 2 - 0.5 * math.log(2 * math.pi)
        return self.log_normaliser + log_normal.sum(-1)


@final
class LectureWeights(Task):
    """q = N(μ, σ²) = N(2, 1.1²) and p(x, z) ∝ N(z; 0, 1): where the two hardly overlap, w varies much more than log w.

    There is no split into prior and likelihood. The evidence is C whatever m is; L_K is a quadrature.

    Args:
        loc: where μ starts.
        scale: where σ starts. Above 1 the weights are bounded; at σ² ≤ ½ their variance is infinite.
    """

    dtype = torch.float64
    detail = ("guide.loc", "guide.scale")
    references: ClassVar[Mapping[str, str]] = {"iwae": "dreg"}
    defaults = Defaults()

    def __init__(self, loc: float = 2.0, scale: float = 1.1) -> None:
        super().__init__()
        self.guide: GaussianGuide = GaussianGuide(1, loc, scale)
        self.model: ScaledNormal = ScaledNormal()

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.log_normaliser.expand(x.shape[0])
        if is_elbo(target, samples):
            return (self.model.log_normaliser - self._divergence()).expand(x.shape[0])
        if target == "iwae" and samples in _NODES:
            return self._importance_bound(samples).expand(x.shape[0])
        return None

    def _divergence(self) -> Tensor:
        """Return KL(q ‖ N(m, 1)) in nats."""
        variance = self.guide.scale**2
        return 0.5 * (variance + (self.guide.loc - self.model.loc) ** 2 - 1 - variance.log()).sum()

    def _importance_bound(self, samples: int) -> Tensor:
        noise = normal_nodes(_NODES[samples], self.guide.loc)
        z = self.guide.loc + self.guide.scale * noise
        log_posterior = -0.5 * (z - self.model.loc) ** 2
        log_guide = -0.5 * noise**2 - self.guide.scale.abs().log()
        log_weight = self.model.log_normaliser + log_posterior - log_guide
        return importance_bound(log_weight[:, None], samples).squeeze(0)
