"""Tasks of somebody else's, right or with one thing wrong, by `module:Class`."""

from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from tasks.base import Data, Guide, Latents, Model, Target, Task
from tasks.toys.gaussian import GaussianQuadratic

Wrong = Literal["nothing", "value", "shape", "model", "load"]


@final
class _Wide(Model):
    """The cost with an axis too many."""

    def __init__(self, cost: Model) -> None:
        super().__init__()
        self.cost = cost

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return self.cost(x, z)[..., None]


@final
class OwnToy(Task):
    """The quadratic toy."""

    target = "expectation"
    maximise = False
    dtype = torch.float64
    checked: ClassVar = ({"wrong": "nothing"},)

    def __init__(self, wrong: Wrong = "nothing") -> None:
        super().__init__()
        self.wrong = wrong
        toy = GaussianQuadratic(dim=2)
        # In a tuple, since its parameters are those of the guide and the model already.
        self.toy = (toy,)
        self.guide: Guide = toy.guide
        self.model: Model = _Wide(toy.model) if wrong == "model" else toy.model

    def load(self) -> Data:
        if self.wrong == "load":
            raise FileNotFoundError("rows.npz")
        return self.toy[0].load()

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        value = self.toy[0].exact(target, x, samples)
        if value is None or self.wrong not in ("value", "shape"):
            return value
        return 2 * value if self.wrong == "value" else value[:, None]
