"""Tiny tasks with families that no task of the suite has a guide of."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Binomial,
    Distribution,
    Geometric,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    NegativeBinomial,
    OneHotCategorical,
    Poisson,
    StudentT,
)

from estimators.base import log_mean_exp
from estimators.parts import exact
from tasks.base import Data, Draw, Guide, Latents, Model, Target, Task, empty_data


class BitsGuide(Guide):
    """Two bits, the second of which may depend on the first."""

    def __init__(self, chained: bool, event: tuple[int, ...]) -> None:
        super().__init__()
        self.chained, self.event = chained, event
        self.logits = nn.Parameter(torch.tensor([0.4, -0.7, 0.9], dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        first, second, link = (logit.expand(x.shape[0], *self.event) for logit in self.logits)
        dims = len(self.event)
        a = draw("a", Independent(Bernoulli(logits=first, validate_args=False), dims, validate_args=False))
        logits = second + link * a if self.chained else second + link
        draw("b", Independent(Bernoulli(logits=logits, validate_args=False), dims, validate_args=False))


class BitsModel(Model):
    """log p(x, a, b) = θ₀ + θ₁ a + θ₂ b + θ₃ ab."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([-0.3, 0.8, -1.1, 1.5], dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        a, b = z["a"].reshape(z["a"].shape[:2]), z["b"].reshape(z["b"].shape[:2])
        return self.theta[0] + self.theta[1] * a + self.theta[2] * b + self.theta[3] * a * b


class Bits(Task):
    """An ELBO over four joint states; every target is enumerated. A bit is [K, B, 1], or [K, B] with `event=()`."""

    dtype = torch.float64

    def __init__(self, chained: bool = False, event: tuple[int, ...] = (1,)) -> None:
        super().__init__()
        self.guide = BitsGuide(chained, event)
        self.model = BitsModel()

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target in ("elbo", "iwae"):
            return exact.mean(self, x, 1 if target == "elbo" else samples, log_mean_exp)
        return None


class ScalarGuide(Guide):
    """One site without event axes: q(z|x) = Bernoulli(φ), [B]."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(0.4, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Bernoulli(logits=self.logit.expand(x.shape[0]), validate_args=False))


class ScalarModel(Model):
    """log p(x, z) = θ₀ + θ₁ z + (θ₀ z)²."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([-0.3, 0.8], dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return self.theta[0] + self.theta[1] * z["z"] + (self.theta[0] * z["z"]) ** 2


class ScalarBit(Task):
    """An ELBO over the two states of one bit, whose site is [K, B]."""

    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide = ScalarGuide()
        self.model = ScalarModel()

    def load(self) -> Data:
        return Data(torch.zeros(2, 0, dtype=self.dtype), torch.zeros(2, 0, dtype=self.dtype), "none")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target in ("elbo", "iwae"):
            return exact.mean(self, x, 1 if target == "elbo" else samples, log_mean_exp)
        return None


Family = tuple[Callable[..., Distribution], dict[str, list[float]]]
FAMILIES: dict[str, Family] = {
    "Poisson": (Poisson, {"rate": [1.3, 0.6]}),
    "Laplace": (Laplace, {"loc": [1.3, -0.4], "scale": [0.8, 1.5]}),
    "StudentT": (StudentT, {"df": [9.0, 12.0], "loc": [1.3, -0.4], "scale": [0.8, 1.5]}),
    "LogNormal": (LogNormal, {"loc": [0.3, -0.4], "scale": [0.5, 0.3]}),
    "LowRankMultivariateNormal": (
        LowRankMultivariateNormal,
        {"loc": [1.3, -0.4], "cov_factor": [0.7, -1.1], "cov_diag": [0.4, 0.9]},
    ),
    "Binomial": (partial(Binomial, 4), {"logits": [0.4, -0.7]}),
    "Geometric": (Geometric, {"logits": [0.4, -0.3]}),
    "NegativeBinomial": (NegativeBinomial, {"total_count": [1.6, 2.5], "logits": [-0.6, -0.2]}),
}
"""By name, what makes two independent variables (or two correlated ones), and its parameters."""


class FamilyGuide(Guide):
    def __init__(self, family: str) -> None:
        super().__init__()
        self.make, values = FAMILIES[family]
        self.values = nn.ParameterDict({name: torch.tensor(v, dtype=torch.float64) for name, v in values.items()})

    def distribution(self, batch: int) -> Distribution:
        """Return q, of `batch` rows."""
        values = {name: value.expand(batch, 2) for name, value in self.values.items()}
        if "cov_factor" in values:
            values["cov_factor"] = values["cov_factor"][..., None]
        made = self.make(**values, validate_args=False)
        return made if made.event_shape else Independent(made, 1, validate_args=False)

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", self.distribution(x.shape[0]))


class SquaredDistance(Model):
    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return ((z["z"] - 2) ** 2).sum(-1)


class Squares(Task):
    """E Σ_d (z_d − 2)² is Σ_d (E z_d − 2)² + Var z_d, for a guide of any family of `FAMILIES`."""

    target = "expectation"
    maximise = False
    dtype = torch.float64

    def __init__(self, family: str) -> None:
        super().__init__()
        self.guide: FamilyGuide = FamilyGuide(family)
        self.model = SquaredDistance()

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        q = self.guide.distribution(x.shape[0])
        return ((q.mean - 2) ** 2 + q.variance).sum(-1)


class Counts(Squares):
    """Poisson variables."""

    def __init__(self) -> None:
        super().__init__("Poisson")


class ChoiceGuide(Guide):
    """A category out of three, amortized, and two bits that depend on it."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.tensor([[0.5, -0.3, 0.8], [-0.2, 0.9, 0.1]], dtype=torch.float64)
        self.weight = nn.Parameter(weight)
        self.link = nn.Parameter(torch.tensor([[1.2, -0.4], [-0.8, 0.7], [0.3, 0.5]], dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        category = draw("category", OneHotCategorical(logits=x @ self.weight, validate_args=False))
        bits = Bernoulli(logits=category @ self.link, validate_args=False)
        draw("bits", Independent(bits, 1, validate_args=False))


class ChoiceModel(Model):
    """log p(x, c, b) = −2 |x − tanh(c V + b W)|²."""

    def __init__(self) -> None:
        super().__init__()
        self.by_category = nn.Parameter(torch.tensor([[1.0, -0.5], [-1.5, 0.4], [0.2, 1.1]], dtype=torch.float64))
        self.by_bits = nn.Parameter(torch.tensor([[0.9, -0.7], [-0.6, 1.3]], dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        mean = torch.tanh(z["category"] @ self.by_category + z["bits"] @ self.by_bits)
        return -2 * (x - mean).square().sum(-1)


class Choice(Task):
    """An ELBO over twelve joint states of two layers, one of them categorical."""

    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide: ChoiceGuide = ChoiceGuide()
        self.model: ChoiceModel = ChoiceModel()

    def load(self) -> Data:
        rows = torch.tensor([[0.6, -0.9], [-0.4, 0.7]], dtype=self.dtype)
        return Data(rows, rows, "two rows")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        return exact.mean(self, x, 1, log_mean_exp) if target == "elbo" else None
