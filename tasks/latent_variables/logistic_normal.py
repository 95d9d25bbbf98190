"""Counts with a logistic-normal guide over the simplex: the guide is not conjugate, the model is."""

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import LogisticNormal

from tasks.base import Draw, Guide, Target
from tasks.exact.quadrature import importance_bound, normal_nodes
from tasks.latent_variables.dirichlet_multinomial import ProportionalCounts
from tasks.numerics import log_sigmoid

_NODES = {1: 129, 2: 129, 3: 49}
"""Quadrature nodes per sample: 1e-8 nats while the scale of the guide is below one."""


@final
class SimplexGuide(Guide):
    """q(z|x): z is the stick breaking of η ~ N(m(x), diag σ²) over C − 1 dimensions.

    z_c = σ(u_c) Π_{j<c} σ(−u_j), u_c = η_c − log(C − c), and the last z is the rest; η = 0 is its middle.
    m(x) = `bias` + `weight` h_c(x) with h the η of the proportions (x + ½) / (N + C/2), and σ = exp(`log_scale`).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(classes - 1, dtype=torch.float64))
        self.weight = nn.Parameter(torch.full((classes - 1,), 0.5, dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.full((classes - 1,), -0.7, dtype=torch.float64))

    def parameters_at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return m(x) and σ, each [B, C − 1]."""
        counts = x + 0.5
        rest = counts.flip(-1).cumsum(-1).flip(-1)[:, 1:]
        loc = self.bias + self.weight * (counts[:, :-1].log() - rest.log() + self.shift())
        return loc, self.log_scale.exp().expand_as(loc)

    def shift(self) -> Tensor:
        """Return log(C − c) for c = 1, …, C − 1."""
        count = self.bias.shape[0]
        return torch.arange(count, 0, -1, dtype=self.bias.dtype, device=self.bias.device).log()

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", LogisticNormal(*self.parameters_at(x), validate_args=False))


@final
class LogisticNormalTask(ProportionalCounts):
    """z ~ Dirichlet(α), x ~ Multinomial(N, z), q(z|x) logistic normal by stick breaking.

    Draws are reparameterized explicitly. The evidence is Dirichlet-multinomial. Stick breaking makes log z a sum of
    functions of one Gaussian coordinate each, so that the ELBO is a sum of quadratures in one dimension; L_K is a
    quadrature for two classes and K ≤ 3. Data: as for `dirichlet-multinomial`. Such a guide for a Dirichlet prior is
    that of Srivastava & Sutton 2017, except for the stick breaking.
    """

    guide: SimplexGuide
    checked = ({"n": 8}, {"classes": 3, "n": 8})

    def __init__(self, classes: int = 2, trials: int = 10, n: int = 500) -> None:
        super().__init__(SimplexGuide, classes, trials, n)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "iwae" and samples > 1 and self.classes == 2 and samples in _NODES:
            return importance_bound(self._log_weight(x, *self._sticks(x, _NODES[samples])), samples)
        return super().exact(target, x, samples)

    def elbo(self, x: Tensor) -> Tensor:
        noise, taken, left = self._sticks(x, _NODES[1])
        mass = torch.exp(-0.5 * noise**2)
        mass = mass / mass.sum(0)
        # log w is linear in these three, each a function of one coordinate of the noise.
        means = [(mass * value).sum(0, keepdim=True) for value in (noise**2, taken, left)]
        return self._weight_from(x, *means).squeeze(0)

    def _log_weight(self, x: Tensor, noise: Tensor, taken: Tensor, left: Tensor) -> Tensor:
        return self._weight_from(x, noise**2, taken, left)

    def _sticks(self, x: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the noise [N, 1, 1] with log σ(u) and log σ(−u) at it, each [N, B, C − 1]."""
        loc, scale = self.guide.parameters_at(x)
        noise = normal_nodes(count, loc)[:, None, None]
        u = loc + scale * noise - self.guide.shift()
        return noise, log_sigmoid(u), log_sigmoid(-u)

    def _weight_from(self, x: Tensor, square: Tensor, taken: Tensor, left: Tensor) -> Tensor:
        """Return log w from ε², log σ(u) and log σ(−u), in which it is linear, [N, B]."""
        before = torch.nn.functional.pad(left.cumsum(-1), (1, 0))
        log_z = torch.nn.functional.pad(taken, (0, 1)) + before
        # log q(z) is the Gaussian's density less log |det dz/dη| = Σ_c log σ(−u_c) + log z_c.
        log_normal = -0.5 * square - self.guide.log_scale - 0.5 * math.log(2 * math.pi)
        log_guide = (log_normal - left - log_z[..., :-1]).sum(-1)
        return self.model.value(x, log_z) - log_guide
