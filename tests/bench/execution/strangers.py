"""Tasks and estimators of somebody else's that raise what they should not, by `module:Class`."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, final

import torch
from torch import Tensor, nn
from torch.distributions import Cauchy, Independent, Normal

from estimators.base import Estimate, Estimator
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from tasks.base import Data, Draw, Guide, Model, Target, Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.toys.gaussian import GaussianQuadratic

Where = Literal["constructor", "load", "nothing", "initialise", "family"]


@final
class _CauchyGuide(Guide):
    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Independent(Cauchy(self.loc.expand(len(x), -1), 1.0), 1))


@final
class OwnTask(Task):
    """The quadratic toy, with something wrong somewhere."""

    target = "expectation"
    maximise = False
    dtype = torch.float64

    def __init__(self, at: Where, error: Literal["missing", "other"] = "missing") -> None:
        super().__init__()
        self.at, self.error = at, error
        self._fail("constructor")
        toy = GaussianQuadratic()
        self.guide: Guide = _CauchyGuide() if at == "family" else toy.guide
        self.model: Model = toy.model

    def _fail(self, at: Where) -> None:
        if at == self.at:
            if self.error == "missing":
                raise FileNotFoundError("weights.npz")
            raise KeyError("weights")

    def load(self) -> Data:
        self._fail("load")
        return None if self.at == "nothing" else GaussianQuadratic().load()  # pyright: ignore[reportReturnType]

    def initialise(self, data: Data) -> None:
        self._fail("initialise")


@final
class Untested(Task):
    """The linear-Gaussian model without test data."""

    def __init__(self) -> None:
        super().__init__()
        task = LinearGaussian(dim=1, n=8)
        self.guide: Guide = task.guide
        self.model: Model = task.model

    def load(self) -> Data:
        rows = LinearGaussian(dim=1, n=8).load()
        return Data(rows.train, rows.test[:0], "no test data")


@final
class OwnEstimator(Estimator):
    """REINFORCE that fails in one of its methods."""

    targets = ("expectation",)

    checked: ClassVar = ({"at": "constructor"},)

    def __init__(self, at: Literal["constructor", "require", "estimate"]) -> None:
        super().__init__()
        self.at = at
        self._fail("constructor")

    def _fail(self, at: str) -> None:
        if at == self.at:
            raise RuntimeError(f"no {at}")

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        self._fail("require")
        super().require(task, x, samples)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        self._fail("estimate")
        return Reinforce().estimate(task, x, samples)


class _Mute(RuntimeError):
    def __str__(self) -> str:
        raise ValueError("no words")


class _Bytes(RuntimeError):
    def __str__(self) -> str:
        return b"caf\xe9"  # pyright: ignore[reportReturnType]


@final
class Unspeakable(Reinforce):  # pyright: ignore[reportGeneralTypeIssues]
    """The score function, until it raises an error that is hard to write down."""

    errors: ClassVar[Mapping[str, Exception]] = {
        "surrogate": OSError("no file caf\udce9.npz"),
        "silent": RuntimeError(),
        "lines": RuntimeError("\n\n"),
        "mute": _Mute(),
        "bytes": _Bytes(),
        "zero": RuntimeError("\0 and \x85 and \u2028"),
    }

    def __init__(self, how: str = "silent") -> None:
        super().__init__()
        self.how = how

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        raise self.errors[self.how]


@final
class Rarely(Reinforce):  # pyright: ignore[reportGeneralTypeIssues]
    """The score function, which returns NaN in a share of its replicates."""

    def __init__(self, share: float = 0.01) -> None:
        super().__init__()
        self.share = share

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        broken = torch.rand((), device=x.device) < self.share
        return Estimate(right.objective, right.surrogate * torch.where(broken, math.nan, 1.0))


@final
class Straying(ReinforceEMA):  # pyright: ignore[reportGeneralTypeIssues]
    """The score function the wrong way, in long steps: training diverges, and its baseline; its moments do not."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, -1e6 * right.surrogate)


@final
class RarelyKnown(LinearGaussian):  # pyright: ignore[reportGeneralTypeIssues]
    """The linear-Gaussian model, its exact values unknown and its reference broken now and then."""

    references: ClassVar[Mapping[str, str]] = {"elbo": f"{__name__}:Rarely(share=0.01)"}

    def exact(self, target: Target, x: Tensor, samples: int) -> None:
        return None


@final
class _ValidatedGuide(Guide):
    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        # As most people write it: PyTorch checks the arguments.
        draw("z", Independent(Normal(self.loc.expand(len(x), -1), 1.0), 1))


@final
class Validated(Task):
    """The quadratic toy with a distribution that PyTorch refuses to make once its location is not finite."""

    target = "expectation"
    maximise = False
    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide: Guide = _ValidatedGuide()
        self.model: Model = GaussianQuadratic().model

    def load(self) -> Data:
        return GaussianQuadratic().load()
