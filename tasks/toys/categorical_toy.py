"""Polynomial costs of categorical variables, on which straight-through estimators are exact or not."""

from collections.abc import Mapping
from typing import ClassVar, Literal, final, get_args

import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Draw, Guide, Latents, Model, Target, Task, empty_data
from tasks.parts.networks import one_hots

Cost = Literal["linear", "quadratic", "cubic"]

_DEGREE: dict[Cost, int] = {"linear": 1, "quadratic": 2, "cubic": 3}
_LIMIT = 4096


@final
class CategoricalGuide(Guide):
    """q(b) = Π_d Categorical(b_d; softmax(logits_d)) over one-hot b [D, C]; `logits` [D, C] start off uniform.

    Uniform probabilities are a special case in which biased estimators may look exact, so the logits of the classes
    start at equal steps from −½ to ½.
    """

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.linspace(-0.5, 0.5, classes, dtype=torch.float64).repeat(dim, 1))

    def forward(self, x: Tensor, draw: Draw) -> None:
        logits = self.logits.expand(x.shape[0], *self.logits.shape)
        draw("b", one_hots(logits))


@final
class PolynomialCost(Model):
    """f(b) = (Σ_d c·b_d − D t)^p, with the levels c equidistant in [0, 1] and class C's the highest; p = 1, 2 or 3."""

    def __init__(self, degree: int, t: float, dim: int, classes: int) -> None:
        super().__init__()
        self.degree, self.offset = degree, dim * t
        self.levels: Tensor
        self.register_buffer("levels", torch.linspace(0, 1, classes, dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return self.at((z["b"] @ self.levels).sum(-1))

    def at(self, total: Tensor) -> Tensor:
        """Return the cost of a total level Σ_d c·b_d."""
        return (total - self.offset) ** self.degree


@final
class CategoricalToy(Task):
    """E over D categorical variables of (Σ_d c·b_d − D t)^p, minimised in the logits; b is one-hot.

    f is smooth in relaxed b too, so that every estimator with f′ applies: straight-through is exact for the linear
    cost, ReinMax for the quadratic one of one variable and not for the cubic (Liu et al. 2023, theorem 3.1). With more
    than one variable, quadratic and cubic costs couple them.

    Args:
        cost: `linear`, `quadratic` or `cubic`: p = 1, 2, 3.
        classes: C of each variable.
        dim: D, the number of variables.
        t: what the mean level is compared with.
    """

    target = "expectation"
    maximise = False
    dtype = torch.float64
    unit = "cost"
    detail = ("guide.logits",)
    references: ClassVar[Mapping[str, str]] = {"expectation": "rebar"}
    checked = ({}, {"cost": "cubic"}, {"classes": 3, "dim": 2})
    defaults = Defaults(model_lr=0.0, guide_lr=0.01)

    def __init__(self, cost: Cost = "quadratic", classes: int = 4, dim: int = 1, t: float = 0.45) -> None:
        super().__init__()
        if cost not in get_args(Cost):
            raise ValueError(f"cost must be linear, quadratic or cubic; it is '{cost}'")
        if classes < 2 or dim < 1:
            raise ValueError(f"there must be at least 2 classes and 1 variable; there are {classes} and {dim}")
        self.guide: CategoricalGuide = CategoricalGuide(dim, classes)
        self.model: PolynomialCost = PolynomialCost(_DEGREE[cost], t, dim, classes)

    def load(self) -> Data:
        return empty_data("none", self.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        dim, classes = self.guide.logits.shape
        if target != "expectation" or classes**dim > _LIMIT:
            return None
        probability, total = self.guide.logits.new_ones(1), self.guide.logits.new_zeros(1)
        for row in self.guide.logits.softmax(-1):
            probability = (probability[:, None] * row).flatten()
            total = (total[:, None] + self.model.levels).flatten()
        return (probability * self.model.at(total)).sum().expand(x.shape[0])
