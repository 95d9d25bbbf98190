"""One cheap task for each kind of latent, whose density can be shifted, scaled and tempered: every answer is exact."""

import functools
import math
from typing import Final, Literal, final

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from bench.check.points import Point, Subject
from estimators.base import Estimator, Unfit, log_mean_exp
from estimators.parts import exact
from tasks.base import Data, Draw, GenerativeModel, Guide, Latents, Model, Target, Task
from tasks.parts.networks import one_hot

Kind = Literal["Gaussian", "Bernoulli", "categorical"]

_WIDTH: Final[dict[Kind, int]] = {"Gaussian": 1, "Bernoulli": 2, "categorical": 3}
_KINDS: Final[tuple[Kind, ...]] = ("Gaussian", "Bernoulli", "categorical")
_REACH: Final = 40.0
_STEP: Final = 0.2
"""Of the integral over u in `_bound`, whose error is below 1e-9 for the models of this file."""


@final
class _Guide(Guide):
    """One site `z`, whose location or logits are linear in x."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind: Kind = kind
        width = _WIDTH[kind]
        self.weight = nn.Parameter(torch.linspace(0.5, -0.3, width, dtype=torch.float64))
        self.bias = nn.Parameter(torch.linspace(0.3, -0.4, width, dtype=torch.float64))
        if kind == "Gaussian":
            self.log_scale = nn.Parameter(torch.full((1,), -0.2, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        where = x * self.weight + self.bias
        draw("z", _site(self.kind, where, self.log_scale.exp() if self.kind == "Gaussian" else None))


@final
class _Joint(GenerativeModel):
    """`scale` · [log p(z) + log N(x; z·v, 1)] + `shift`."""

    def __init__(self, kind: Kind, scale: float, shift: float) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.factor, self.shift = scale, shift
        width = _WIDTH[kind]
        self.prior_bias = nn.Parameter(torch.linspace(-0.2, 0.4, width, dtype=torch.float64))
        self.weight = nn.Parameter(torch.linspace(0.9, -0.6, width, dtype=torch.float64))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        error = x[..., 0] - (z["z"] * self.weight).sum(-1)
        if self.kind == "Gaussian":
            prior = -0.5 * ((z["z"] - self.prior_bias) ** 2).sum(-1)
        elif self.kind == "Bernoulli":
            prior = (z["z"] * self.prior_bias - nn.functional.softplus(self.prior_bias)).sum(-1)
        else:
            prior = (z["z"] * self.prior_bias.log_softmax(0)).sum(-1)
        return self.factor * (prior - 0.5 * error**2) + self.shift

    def prior(self, x: Tensor, draw: Draw) -> None:
        where = self.prior_bias.expand(x.shape[0], -1)
        draw("z", _site(self.kind, where, torch.ones_like(self.prior_bias) if self.kind == "Gaussian" else None))


@final
class _Cost(Model):
    """`scale` · (z·v − t)² + `shift`."""

    def __init__(self, kind: Kind, scale: float, shift: float) -> None:
        super().__init__()
        self.factor, self.shift = scale, shift
        self.weight = nn.Parameter(torch.linspace(0.9, -0.6, _WIDTH[kind], dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return self.factor * (0.3 * x[..., 0] + (z["z"] * self.weight).sum(-1) - 0.45) ** 2 + self.shift


class OneSite(Task):
    """A bound with one latent site of a kind and three observations.

    Args:
        kind: of the latent.
        scale: what log p, or the cost, is multiplied by.
        shift: what is added to it then.
    """

    dtype = torch.float64

    def __init__(self, kind: Kind, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.guide: _Guide = _Guide(kind)
        self.model: Model = _Joint(kind, scale, shift)

    def load(self) -> Data:
        rows = torch.tensor([[0.4], [-0.7], [1.1]], dtype=self.dtype)
        return Data(rows, rows, "three numbers")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        found = exact.population(self, x)
        assert found is not None
        if target in ("elbo", "expectation"):
            return (found.mass * found.log_weight).sum(0) if target == self.target else None
        if self.target == "expectation":
            return None
        if target == "evidence":
            return torch.logsumexp(found.mass.log() + found.log_weight, 0)
        if target != "iwae":
            return None
        if found.grid:
            return _bound(found, samples)
        return exact.mean(self, x, samples, log_mean_exp)


@final
class OneSiteCost(OneSite):
    """A cost instead of the bound."""

    target = "expectation"

    def __init__(self, kind: Kind, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__(kind)
        self.model = _Cost(kind, scale, shift)


def _bound(over: exact.Population, samples: int) -> Tensor:
    """Return L_K for any K, [B]: E log S = ∫₀^∞ (e^{−t} − E e^{−tS}) dt/t, and E e^{−tS} = (E e^{−tw})^K for a sum S.

    Frullani's integral, with t = e^u by the trapezoidal rule. The weights are those relative to the mean of log w.
    """
    centre = (over.mass * over.log_weight).sum(0).detach()
    t = torch.arange(-_REACH, _REACH, _STEP, dtype=centre.dtype, device=centre.device).exp()[:, None]
    weight = (over.log_weight - centre).exp()
    transform = (over.mass * torch.exp(-t[:, None] * weight)).sum(1)
    value = centre - math.log(samples) + _STEP * (torch.exp(-t) - transform**samples).sum(0)
    # Weights that differ by more than the integral reaches give no answer.
    return torch.where((over.log_weight - centre).amax(0).detach() < 0.5 * _REACH, value, math.nan)


def _site(kind: Kind, where: Tensor, scale: Tensor | None) -> Distribution:
    if kind == "categorical":
        return one_hot(where)
    if kind == "Bernoulli":
        return Independent(Bernoulli(logits=where, validate_args=False), 1, validate_args=False)
    assert scale is not None
    return Independent(Normal(where, scale.expand_as(where), validate_args=False), 1, validate_args=False)


@functools.cache
def site_point(kind: Kind, target: Literal["elbo", "expectation"], scale: float = 1.0, shift: float = 0.0) -> Point:
    """Return the task with one site of a kind, as a point."""
    what = "log p" if target == "elbo" else "cost"
    build = OneSite if target == "elbo" else OneSiteCost
    return Point(Subject(f"a {what} with one {kind} latent", lambda: build(kind, scale, shift)), moved=False)


def fitting_sites(estimator: Estimator) -> list[tuple[Kind, Literal["elbo", "expectation"]]]:
    """Return the tasks with one site that an estimator fits: of each kind a bound or, failing that, a cost."""
    found: list[tuple[Kind, Literal["elbo", "expectation"]]] = []
    for kind in _KINDS:
        for target in ("elbo", "expectation"):
            if fits(estimator, site_point(kind, target).copied(), 2 * estimator.minimum_samples):
                found.append((kind, target))
                break
    return found


def fits(estimator: Estimator, point: Point, samples: int) -> bool:
    """Return whether an estimator accepts a point with K = `samples`."""
    try:
        estimator.require(point.task, point.x, samples)
    except Unfit:
        return False
    return True
