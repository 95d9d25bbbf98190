"""Probabilistic principal component analysis (Tipping & Bishop 1999) with an amortized Gaussian guide."""

import math
from collections.abc import Mapping
from typing import ClassVar, final, get_args

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from tasks.base import Data, Defaults, Draw, Latents, SimulableModel, Target, Task, is_elbo
from tasks.exact.quadrature import importance_bound, normal_nodes
from tasks.parts.guides import Covariance, GuideKind, NormalGuide, NormalTable, SharedNormal, check_kind, indexed
from tasks.parts.sizes import at_least

_NODES = {2: 129, 3: 49}
"""Quadrature nodes per sample, for one latent dimension: 1e-8 nats at the start."""
_LOG_SCALE = -0.5
"""Where the guide's log scales start."""
_TRUE_NOISE = 0.5
_SEED = 19990801


@final
class AffineGuide(NormalGuide):
    """q(z|x) = N(A x + c, T Tᵀ), A `weight` [L, X], c `bias` [L], T the same for all x, as the posterior's is."""

    def __init__(self, inputs: int, latent: int, covariance: Covariance) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(latent, inputs, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(latent, dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.full((latent,), _LOG_SCALE, dtype=torch.float64))
        zeros = torch.zeros(latent, latent, dtype=torch.float64)
        self.factor = nn.Parameter(zeros) if covariance == "full" else None

    def mean(self, x: Tensor) -> Tensor:
        return x @ self.weight.mT + self.bias


@final
class FactorModel(SimulableModel):
    """z ~ N(0, I), x|z ~ N(W z + b, σ² I), with W `weight` [X, L], b `bias` [X] and log σ (`log_noise`)."""

    def __init__(self, outputs: int, latent: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.5 * torch.randn(outputs, latent, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))
        self.log_noise = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        residual = x[..., : len(self.bias)] - z["z"] @ self.weight.mT - self.bias
        return self.value(residual.square().sum(-1), z["z"].square().sum(-1))

    def value(self, residual: Tensor, square: Tensor) -> Tensor:
        """Return log p(x, z) from ‖x − W z − b‖² and ‖z‖², in which it is linear: given their means, its mean."""
        outputs, latent = self.weight.shape
        log_likelihood = -0.5 * residual * torch.exp(-2 * self.log_noise) - outputs * self.log_noise
        return log_likelihood - 0.5 * square - 0.5 * (outputs + latent) * math.log(2 * math.pi)

    def prior(self, x: Tensor, draw: Draw) -> None:
        zeros = x.new_zeros(x.shape[0], self.weight.shape[1])
        draw("z", Independent(Normal(zeros, torch.ones_like(zeros), validate_args=False), 1, validate_args=False))

    def simulate(self, z: Latents) -> Tensor:
        with torch.no_grad():
            mean = z["z"] @ self.weight.mT + self.bias
            return mean + self.log_noise.exp() * torch.randn(mean.shape, dtype=mean.dtype, device=mean.device)

    def marginal(self) -> MultivariateNormal:
        """Return p(x) = N(b, W Wᵀ + σ² I)."""
        noise = torch.exp(2 * self.log_noise) * torch.eye(
            len(self.bias), dtype=self.bias.dtype, device=self.bias.device
        )
        return MultivariateNormal(self.bias, self.weight @ self.weight.mT + noise, validate_args=False)

    def posterior(self, x: Tensor) -> Distribution:
        """Return p(z|x) = N(M⁻¹ Wᵀ (x − b), σ² M⁻¹), M = Wᵀ W + σ² I, of batch shape [B]."""
        latent = self.weight.shape[1]
        variance = torch.exp(2 * self.log_noise)
        precision = self.weight.mT @ self.weight + variance * torch.eye(latent, dtype=x.dtype, device=x.device)
        mean = torch.linalg.solve(precision, self.weight.mT @ (x - self.bias).mT).mT
        return MultivariateNormal(mean, precision_matrix=precision / variance, validate_args=False)


@final
class PPCA(Task):
    """z ~ N(0, I), x|z ~ N(W z + b, σ² I), q(z|x) = N(A x + c, T Tᵀ): log p(x), posterior and ELBO in closed form.

    With `guide=shared`, q = N(c, T Tᵀ) for all x; with `guide=per-datapoint`, N(c_i, T_i T_iᵀ) for each training row.
    The posterior's mean is affine in x and its covariance the same for all x, so that an amortized guide loses nothing
    to one per datapoint. With `covariance=full` it holds the posterior; the gap of a diagonal one closes only where the
    columns of W are orthogonal. For one latent dimension L_K is a quadrature, K ≤ 3. Data: W, b and z from N(0, 1),
    σ = ½, always the same; W and A start at random, from the global generator.

    Args:
        dim: X, the dimension of x.
        latent: L, the dimension of z.
        covariance: of the guide, `diagonal` or `full`.
        n: the number of observations in the training set, and in the test set.
        guide: `amortized`, `shared` by all x, or `per-datapoint`.
    """

    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "dreg"}
    checked = (
        {"dim": 3, "latent": 1, "n": 8},
        {"dim": 3, "latent": 2, "n": 8},
        {"dim": 3, "latent": 2, "covariance": "full", "n": 8},
        {"dim": 3, "latent": 1, "n": 8, "guide": "shared"},
        {"dim": 3, "latent": 1, "n": 8, "guide": "per-datapoint"},
    )
    defaults = Defaults(steps=2000, batch_size=50, model_lr=5e-3, guide_lr=5e-3)

    def __init__(
        self,
        dim: int = 10,
        latent: int = 2,
        covariance: Covariance = "diagonal",
        n: int = 1000,
        guide: GuideKind = "amortized",
    ) -> None:
        super().__init__()
        if covariance not in get_args(Covariance):
            raise ValueError(f"covariance must be diagonal or full; it is '{covariance}'")
        check_kind(guide)
        at_least(1, dim=dim, latent=latent, n=n)
        self.dim, self.latent, self.n = dim, latent, n
        self.guide: NormalGuide = self._guide(guide, covariance)
        self.model: FactorModel = FactorModel(dim, latent)

    def _guide(self, kind: GuideKind, covariance: Covariance) -> NormalGuide:
        if kind == "shared":
            return SharedNormal(torch.zeros(self.latent, dtype=self.dtype), _LOG_SCALE, covariance)
        if kind == "per-datapoint":
            return NormalTable(0.1 * torch.randn(self.n, self.latent, dtype=self.dtype), _LOG_SCALE, covariance)
        return AffineGuide(self.dim, self.latent, covariance)

    def load(self) -> Data:
        generator = torch.Generator().manual_seed(_SEED)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=self.dtype)

        weight, bias = normal(self.dim, self.latent), normal(self.dim)
        train, test = normal(2, self.n, self.latent) @ weight.mT + bias + _TRUE_NOISE * normal(2, self.n, self.dim)
        note = f"{self.latent} factors in {self.dim} dimensions, generator seed {_SEED}"
        data = Data(train, test, "generated", note)
        return indexed(data) if self.guide.indexed else data

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.marginal().log_prob(x[:, : self.dim])
        if is_elbo(target, samples):
            return self._elbo(x)
        if target == "iwae" and self.latent == 1 and samples in _NODES:
            return self._importance_bound(x, samples)
        return None

    def _elbo(self, x: Tensor) -> Tensor:
        mean, factor = self.guide.mean(x), self.guide.scale_tril(x)
        residual = x[:, : self.dim] - mean @ self.model.weight.mT - self.model.bias
        residual_mean = residual.square().sum(-1) + (self.model.weight @ factor).square().sum((-1, -2))
        square_mean = mean.square().sum(-1) + factor.square().sum((-1, -2))
        entropy = self.guide.log_scales(x).sum(-1) + 0.5 * self.latent * math.log(2 * math.pi * math.e)
        return self.model.value(residual_mean, square_mean) + entropy

    def _importance_bound(self, x: Tensor, samples: int) -> Tensor:
        noise = normal_nodes(_NODES[samples], x)[:, None]
        log_scale = self.guide.log_scales(x)[..., 0]
        z = self.guide.mean(x)[:, 0] + log_scale.exp() * noise
        log_guide = -0.5 * noise**2 - log_scale - 0.5 * math.log(2 * math.pi)
        return importance_bound(self.model.log_joint(x, {"z": z[..., None]}) - log_guide, samples)
