"""Tiny tasks with families that no task of the suite has a guide of."""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, OneHotCategorical, Poisson

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


class CountGuide(Guide):
    def __init__(self) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.tensor([1.3, 0.6], dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        rate = self.rate.expand(x.shape[0], -1)
        draw("z", Independent(Poisson(rate, validate_args=False), 1, validate_args=False))


class SquaredCount(Model):
    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return ((z["z"] - 2) ** 2).sum(-1)


class Counts(Task):
    """E Σ_d (z_d − 2)² over Poisson(λ_d) is Σ_d (λ_d − 2)² + λ_d."""

    target = "expectation"
    maximise = False
    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide: CountGuide = CountGuide()
        self.model = SquaredCount()

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        return ((self.guide.rate - 2) ** 2 + self.guide.rate).sum().expand(x.shape[0])


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
