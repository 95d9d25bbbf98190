"""Bayesian polynomial regression: how the evidence chooses a degree (MacKay 1992, "Bayesian interpolation")."""

import math
from collections.abc import Iterable
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from tasks.base import Data, Defaults, Latents, Target, Task, is_elbo
from tasks.exact.linear_regression import log_evidence
from tasks.parts.gaussian_regression import GaussianRegression
from tasks.parts.guides import Covariance, SharedNormal
from tasks.parts.sizes import at_least

TRUE_DEGREE = 3
_TRUE_WEIGHTS = (0.5, -1.0, 0.5, 1.0)
_TRUE_NOISE = 0.3
_SEED = 19920501
_LOG_2_PI = math.log(2 * math.pi)


@final
class PolynomialModel(GaussianRegression):
    """w ~ N(0, α⁻¹ I), y_m|w ~ N(wᵀ φ(t_m), σ²), with log α as `log_precision` and log σ as `log_noise`.

    φ_d = √(2d + 1) P_d, with Legendre's polynomials P_d: they span what 1, t, …, t^D span, and are orthonormal for t
    uniform on [−1, 1], so that every weight means as much for the function and the posterior is well conditioned.
    x is [1, M, 2], of pairs (t, y).
    """

    def __init__(self, degree: int, rows: int) -> None:
        super().__init__(rows)
        self.degree = degree

    @property
    def weights(self) -> int:
        return self.degree + 1

    def features(self, x: Tensor) -> Tensor:
        """Return φ(t), [1, M, D + 1], by Bonnet's recursion."""
        t = x[..., 0]
        values = [torch.ones_like(t), t]
        for d in range(1, self.degree):
            values.append(((2 * d + 1) * t * values[d] - d * values[d - 1]) / (d + 1))
        return torch.stack([math.sqrt(2 * d + 1) * values[d] for d in range(self.degree + 1)], -1)

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        residual = x[..., 1] - torch.einsum("bmd,kbd->kbm", self.features(x), z["z"])
        return self.likelihood_value(residual.square())

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(y) in nats, [1]."""
        return log_evidence(self.features(x), x[..., 1], self.log_precision, self.log_noise, self.scale(x))

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """Return p(w|y) = N(S Φᵀ y s/σ², S), S⁻¹ = α I + Φᵀ Φ s/σ², s = N/M, of batch shape [1]."""
        features, weight = self.features(x), self.scale(x) * torch.exp(-2 * self.log_noise)
        identity = torch.eye(self.degree + 1, dtype=x.dtype, device=x.device)
        precision = self.log_precision.exp() * identity + weight * features.mT @ features
        mean = torch.linalg.solve(precision, weight * features.mT @ x[..., 1:])[..., 0]
        return MultivariateNormal(mean, precision_matrix=precision, validate_args=False)


@final
class PolynomialRegression(Task):
    """w ~ N(0, α⁻¹ I), y = wᵀ φ(t) + N(0, σ²), polynomials of one degree; log p(y), posterior and ELBO in closed form.

    The evidence does not grow with the degree, as the likelihood does: a polynomial of too high a degree spreads p(y)
    over data that were not seen. Its maximum over α and σ (type-II maximum likelihood) chooses the degree 3 that the
    data have, and so does the ELBO, which is trained to it: α and σ are θ, q(w) is φ. One q(w) is shared by all rows:
    values are nats for the whole data set. Data: t uniform on [−1, 1], σ = 0.3, always the same.

    Args:
        degree: of the polynomial.
        covariance: of the guide, `diagonal` or `full`; with the latter it holds the posterior.
        n: the number of rows in the training set, and in the test set.
    """

    dtype = torch.float64
    unit = "nats for the whole dataset"
    references: ClassVar = {"iwae": "dreg"}
    checked = ({"degree": 2, "n": 6}, {"degree": 1, "covariance": "diagonal", "n": 4})
    defaults = Defaults(steps=2000, batch_size=1000, model_lr=2e-2, guide_lr=2e-2, schedule="robbins-monro(delay=200)")

    def __init__(self, degree: int = TRUE_DEGREE, covariance: Covariance = "full", n: int = 30) -> None:
        super().__init__()
        at_least(0, degree=degree)
        at_least(1, n=n)
        self.n = n
        self.model: PolynomialModel = PolynomialModel(degree, n)
        zeros = torch.zeros(degree + 1, dtype=self.dtype)
        self.guide: SharedNormal = SharedNormal(zeros, -1.0, covariance)

    def load(self) -> Data:
        generator = torch.Generator().manual_seed(_SEED)
        t = 2 * torch.rand(2, self.n, generator=generator, dtype=self.dtype) - 1
        noise = torch.randn(2, self.n, generator=generator, dtype=self.dtype)
        features = PolynomialModel(TRUE_DEGREE, self.n).features(t[..., None])
        y = features @ torch.tensor(_TRUE_WEIGHTS, dtype=self.dtype) + _TRUE_NOISE * noise
        train, test = torch.stack([t, y], -1)
        return Data(train, test, "generated", f"a polynomial of degree {TRUE_DEGREE}, generator seed {_SEED}")

    def prepare(self, raw: Tensor) -> Tensor:
        return raw[None]

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.log_evidence(x)
        if is_elbo(target, samples):
            return self._elbo(x)
        return None

    def _elbo(self, x: Tensor) -> Tensor:
        features, mean, factor = self.model.features(x), self.guide.mean(x), self.guide.scale_tril(x)
        residual = x[..., 1] - (features @ mean[..., None])[..., 0]
        square = residual.square() + (features @ factor).square().sum(-1)
        likelihood = self.model.scale(x) * self.model.likelihood_value(square).sum(-1)
        prior = self.model.prior_value(mean.square().sum(-1) + factor.square().sum())
        entropy = self.guide.log_scale.sum() + 0.5 * len(self.guide.loc) * (1 + _LOG_2_PI)
        return likelihood + prior + entropy


def log_evidence_by_degree(degrees: Iterable[int], n: int = 30) -> dict[int, float]:
    """Return max over α and σ of the log evidence of the training data, in nats, for each degree."""
    return {degree: _largest_evidence(PolynomialRegression(degree, n=n)) for degree in degrees}


def _largest_evidence(task: PolynomialRegression) -> float:
    model, x = task.model, task.prepare(task.load().train)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -model.log_evidence(x).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return float(model.log_evidence(x).detach())
