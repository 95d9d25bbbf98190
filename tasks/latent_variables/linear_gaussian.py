"""The linear Gaussian model on which Rainforth et al. (2018) showed that tighter bounds are not better."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from tasks.base import Data, Defaults, Draw, Guide, Latents, SimulableModel, Target, Task, is_elbo
from tasks.exact.quadrature import importance_bound, normal_nodes
from tasks.parts.guides import GuideKind, check_kind, indexed, row_index
from tasks.parts.sizes import at_least

_GUIDE_VARIANCE = 2 / 3
_NODES = {2: 129, 3: 49}
"""Quadrature nodes per sample: 1e-8 nats while A x + b is within 2 of the posterior mean; at the start it is 0.05."""
_SEED = 20180702


class LocationGuide(Guide):
    """q(z|x) = N(m, ⅔ I); ⅔ is the variance."""

    @abstractmethod
    def mean(self, x: Tensor) -> Tensor:
        """Return m, [B, D]."""

    def forward(self, x: Tensor, draw: Draw) -> None:
        mean = self.mean(x)
        scale = torch.full_like(mean, math.sqrt(_GUIDE_VARIANCE))
        draw("z", Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False))


@final
class LinearGuide(LocationGuide):
    """m = A x + b; A is `weight` [D, D] and b is `bias` [D]."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def mean(self, x: Tensor) -> Tensor:
        return x @ self.weight.mT + self.bias


@final
class SharedLocation(LocationGuide):
    """m = `loc` [D] for every x."""

    def __init__(self, loc: Tensor) -> None:
        super().__init__()
        self.loc = nn.Parameter(loc)

    def mean(self, x: Tensor) -> Tensor:
        return self.loc.expand(x.shape[0], -1)


@final
class LocationTable(LocationGuide):
    """m = `loc`_i for the training row i, [N, D]."""

    indexed: ClassVar[bool] = True

    def __init__(self, loc: Tensor) -> None:
        super().__init__()
        self.loc = nn.Parameter(loc)

    def mean(self, x: Tensor) -> Tensor:
        return self.loc[row_index(x, len(self.loc))]


@final
class LinearGaussianModel(SimulableModel):
    """z ~ N(μ, I), x|z ~ N(z, I); μ is `loc` [D]. Hence x ~ N(μ, 2I) and z|x ~ N((x + μ)/2, ½ I)."""

    def __init__(self, loc: Tensor) -> None:
        super().__init__()
        self.loc = nn.Parameter(loc)

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        squares = (z["z"] - self.loc) ** 2 + (x[..., : len(self.loc)] - z["z"]) ** 2
        return (-0.5 * squares - math.log(2 * math.pi)).sum(-1)

    def simulate(self, z: Latents) -> Tensor:
        mean = z["z"].detach()
        return mean + torch.randn(mean.shape, dtype=mean.dtype, device=mean.device)

    def prior(self, x: Tensor, draw: Draw) -> None:
        loc = self.loc.expand(x.shape[0], -1)
        draw("z", Independent(Normal(loc, torch.ones_like(loc), validate_args=False), 1, validate_args=False))


@final
class LinearGaussian(Task):
    """z ~ N(μ, I), x|z ~ N(z, I), q = N(A x + b, ⅔ I), near the optimum μ* = x̄, A* = I/2, b* = μ*/2.

    Each parameter starts at the optimum plus N(0, `perturbation`²), drawn from the global generator: another seed is
    another start, as in the paper. The data, x ~ N(μ_true, 2I) with μ_true ~ N(0, I), are always the same. The guide's
    variance is not the posterior's, ½, so the ELBO stays loose at the optimum.

    The paper uses all 1024 observations in each gradient, and 10⁴ gradients. The default batch is 32: a replicate costs
    a 32nd, and the variance that is due to z is 32 times as large for every estimator alike.

    With `guide=shared` the mean of q is the same for all x, and with `guide=per-datapoint` each training row has its
    own; they start near their optimum, μ* and (x_i + μ*)/2.

    Args:
        dim: D, of x and of z.
        n: the number of observations in the training set, and in the test set.
        perturbation: standard deviation of the start around the optimum.
        guide: `amortized`, `shared` by all x, or `per-datapoint`.
    """

    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "dreg"}
    defaults = Defaults(batch_size=32, model_lr=1e-3, guide_lr=1e-3)
    checked = (
        {"dim": 1, "n": 8, "perturbation": 0.3},
        {"dim": 3, "n": 8, "perturbation": 0.3},
        {"dim": 1, "n": 8, "perturbation": 0.3, "guide": "shared"},
        {"dim": 1, "n": 8, "perturbation": 0.3, "guide": "per-datapoint"},
    )

    def __init__(
        self, dim: int = 20, n: int = 1024, perturbation: float = 0.01, guide: GuideKind = "amortized"
    ) -> None:
        super().__init__()
        check_kind(guide)
        at_least(1, dim=dim, n=n)
        at_least(0, perturbation=perturbation)
        self.dim, self.n = dim, n
        train = self._observations()[0]
        optimum = train.mean(0)
        weight = torch.eye(dim, dtype=self.dtype) / 2

        def near(value: Tensor) -> Tensor:
            return value + perturbation * torch.randn(value.shape, dtype=self.dtype)

        self.model: LinearGaussianModel = LinearGaussianModel(near(optimum))
        self.guide: LocationGuide = {
            "amortized": lambda: LinearGuide(near(weight), near(optimum / 2)),
            "shared": lambda: SharedLocation(near(optimum)),
            "per-datapoint": lambda: LocationTable(near((train + optimum) / 2)),
        }[guide]()

    def _observations(self) -> tuple[Tensor, Tensor]:
        """Return the training and the test set, each [n, D]."""
        generator = torch.Generator().manual_seed(_SEED)
        truth = torch.randn(self.dim, generator=generator, dtype=self.dtype)
        noise = torch.randn(2, self.n, self.dim, generator=generator, dtype=self.dtype)
        train, test = truth + math.sqrt(2) * noise
        return train, test

    def load(self) -> Data:
        train, test = self._observations()
        data = Data(train, test, "generated", f"x ~ N(μ, 2I) in {self.dim} dimensions, generator seed {_SEED}")
        return indexed(data) if self.guide.indexed else data

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return (-0.25 * (x[:, : self.dim] - self.model.loc) ** 2 - 0.5 * math.log(4 * math.pi)).sum(-1)
        if is_elbo(target, samples):
            return self._elbo(x)
        if target == "sleep" and not self.guide.indexed:
            return self._sleep().expand(x.shape[0])
        if target == "iwae" and self.dim == 1 and samples in _NODES:
            return self._importance_bound(x, samples)
        return None

    def _elbo(self, x: Tensor) -> Tensor:
        mean = self.guide.mean(x)
        squares = (mean - self.model.loc) ** 2 + (x[:, : self.dim] - mean) ** 2 + 2 * _GUIDE_VARIANCE
        log_joint = -0.5 * squares - math.log(2 * math.pi)
        entropy = 0.5 * math.log(2 * math.pi * math.e * _GUIDE_VARIANCE)
        return (log_joint + entropy).sum(-1)

    def _sleep(self) -> Tensor:
        """Return E log q(z|x) over (z, x) ~ p: z − A x − b = (I − A) μ − b + (I − A)(z − μ) − A (x − z)."""
        loc = self.model.loc
        identity = torch.eye(self.dim, dtype=loc.dtype, device=loc.device)
        bias = self.guide.mean(torch.zeros_like(identity[:1]))
        weight = (self.guide.mean(identity) - bias).mT
        rest = identity - weight
        residual = rest @ loc - bias
        squares = residual.square().sum() + rest.square().sum() + weight.square().sum()
        return -0.5 * (squares / _GUIDE_VARIANCE + self.dim * math.log(2 * math.pi * _GUIDE_VARIANCE))

    def _importance_bound(self, x: Tensor, samples: int) -> Tensor:
        noise = normal_nodes(_NODES[samples], x)[:, None]
        z = self.guide.mean(x)[:, 0] + math.sqrt(_GUIDE_VARIANCE) * noise
        log_joint = -0.5 * ((z - self.model.loc) ** 2 + (x[:, 0] - z) ** 2) - math.log(2 * math.pi)
        log_guide = -0.5 * noise**2 - 0.5 * math.log(2 * math.pi * _GUIDE_VARIANCE)
        return importance_bound(log_joint - log_guide, samples)
