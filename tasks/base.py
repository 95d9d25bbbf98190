"""The task protocol: a guide, a model, data, and exact answers where there are any."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from tasks import INDEX, OPTIONAL

Draw = Callable[[str, Distribution], Tensor]
"""`draw(site, distribution)` returns a value of shape [K, B, event]; the estimator decides how it is sampled."""

Latents = Mapping[str, Tensor]
"""Values of the latent sites by name, each [K, B, event]."""

Target = Literal[
    "expectation",
    "elbo",
    "iwae",
    "evidence",
    "jackknife",
    "miwae",
    "piwae",
    "ciwae",
    "renyi",
    "tvo",
    "wake",
    "sleep",
    "smoothed",
    "sumo",
]
"""What a gradient is the gradient of. Those behind `evidence` are the estimators' own, and depend on their settings.

`wake` and `sleep` are the K-sample bound for θ, and for φ −E KL(p(z|x) ‖ q) at the data x and at the model's own x.
`sumo` is the mean of a series that has an end for θ, and minus its mean square for φ.
"""


class Guide(nn.Module, ABC):
    """The approximate posterior q_φ(z|x).

    Attributes:
        indexed: whether it has parameters for each stored training row and no others, so that it cannot run at other
            observations, including the model's own; x then names its row (`tasks.parts.guides`).
    """

    indexed: ClassVar[bool] = False

    @abstractmethod
    def forward(self, x: Tensor, draw: Draw) -> None:
        """Call `draw(site, distribution)` once per latent site, in order.

        The distribution's batch shape is [B], or [K, B] if it depends on a site drawn before;
        all further axes belong to the event (use `torch.distributions.Independent`).
        """


class Model(nn.Module, ABC):
    """What is averaged over the guide: log p_θ(x, z), or a cost f(z) on an `expectation` task.

    Estimators evaluate it by calling it, `model(x, z)`: that is what the harness counts as evaluations.
    """

    @abstractmethod
    def forward(self, x: Tensor, z: Latents) -> Tensor:
        """Return log p_θ(x, z) in nats (or f(z)), shape [K, B]."""


class GenerativeModel(Model):
    """A model that factorises into a likelihood and a prior from which one can draw."""

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return self.log_joint(x, z)

    @abstractmethod
    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        """Return log p_θ(x, z) in nats, shape [K, B]."""

    @abstractmethod
    def prior(self, x: Tensor, draw: Draw) -> None:
        """Call `draw(site, distribution)` for each latent site, ancestors first; `x` gives the batch's shape."""


class SimulableModel(GenerativeModel):
    """A generative model whose observations can be drawn, too."""

    @property
    def normalised(self) -> bool:
        """Whether exp(log_joint) is the density that `prior` and `simulate` draw from; a tempered one is not."""
        return True

    @abstractmethod
    def simulate(self, z: Latents) -> Tensor:
        """Return x ~ p_θ(x|z) without gradient, shape [K, B, ...]; draws are functional."""


class GlobalModel(GenerativeModel):
    """A model whose latents are shared by all rows of a data set, like the weights of a regression.

    There is one q(z) and one ELBO, that of the whole data set: B = 1, and the one observation x is [1, M, ...], made of
    M stored rows (the task's `prepare` stacks them). A minibatch is a noisy view of that observation. In it the
    likelihood counts N/M times and the prior once, so that over minibatches of equally likely rows log p(x, z) has the
    mean of the whole data set's at every z; the ELBO and its gradient, which are linear in it, are unbiased too. L_K
    and the evidence are not linear: on a minibatch they are those of the scaled likelihood.

    Attributes:
        rows: N, of the training set.
    """

    rows: int

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.scale(x) * self.log_likelihood(x, z).sum(-1) + self.log_prior(z)

    def scale(self, x: Tensor) -> float:
        """Return N/M."""
        return self.rows / x.shape[1]

    @abstractmethod
    def log_prior(self, z: Latents) -> Tensor:
        """Return log p(z) in nats, [K, 1]."""

    @abstractmethod
    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        """Return log p(x_m|z) of each row in nats, [K, 1, M]."""


@dataclass(frozen=True)
class Data:
    """The data of a task as stored, one observation per row (a task's `prepare` turns them into observations).

    `train` is [N, ...] and `test` is [N_test, ...], empty if the guide only knows training rows; `name` is part of a
    result's identity, and is made by `tasks.data.files.content_name` if the rows are from a user's file; `note` is one
    line for people. A task's `load` leaves `validation` out: it is the part of `train` that `bench run --validation`
    holds back.
    """

    train: Tensor
    test: Tensor
    name: str
    note: str = ""
    validation: Tensor | None = None

    def to(self, device: torch.device) -> "Data":
        """Return the same data on `device`."""
        validation = None if self.validation is None else self.validation.to(device)
        return Data(self.train.to(device), self.test.to(device), self.name, self.note, validation)


@dataclass(frozen=True)
class Defaults:
    """Training settings that fit a task; each can be overridden on the command line."""

    steps: int = 1000
    batch_size: int = 1
    samples: int = 1
    optimizer: str = "adam"
    model_lr: float = 1e-2
    guide_lr: float = 1e-2
    schedule: str = "constant"
    precision: float = 0.05
    checkpoints: int = 6
    replicates_cap: int = 20_000
    evaluation_samples: int = 1000


class Constructed(nn.Module):
    """Keeps the arguments of its constructor, so that another process can build the same object.

    Attributes:
        arguments: by place, and by name.
    """

    arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, /, *arguments: Any, **named: Any) -> Self:
        made = super().__new__(cls)
        # A module takes attributes only once it has been initialised.
        object.__setattr__(made, "arguments", (arguments, named))
        return made


class Task(Constructed, ABC):
    """One inference problem. Parameters are `guide.*` (φ) and `model.*` (θ).

    Attributes:
        target: whose gradient the task's score-function and pathwise estimators estimate.
        maximise: whether training ascends the target (costs are descended).
        version: raised when a change makes earlier results incomparable.
        dtype: the floating-point type in which the task runs unless told otherwise.
        unit: of the target.
        detail: parameters that are reported separately beside the groups φ and θ.
        references: for a target without an exact answer, the unbiased estimator that replaces it.
        defaults: training settings.
        checked: constructor arguments of the small variants on which `bench check` runs; none if another task's are
            enough.
        later: constructor arguments that were added when there were already results: at their defaults they are left
            out of a cell's settings, so that earlier cells keep their ids.
        has_exact: whether the class defines `exact`, and so has answers for some targets at some sizes.
        beta: weight of the divergence in the objective E log p(x|z) − β KL(q ‖ p). What estimators see, and training
            ascends, is the ELBO of the model with a tempered likelihood, which is this objective divided by β.
    """

    target: ClassVar[Target] = "elbo"
    maximise: ClassVar[bool] = True
    version: ClassVar[int] = 1
    dtype: ClassVar[torch.dtype] = torch.float32
    unit: ClassVar[str] = "nats per datapoint"
    detail: ClassVar[tuple[str, ...]] = ()
    references: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Defaults] = Defaults()
    checked: ClassVar[tuple[Mapping[str, bool | int | float | str], ...]] = ({},)
    later: ClassVar[tuple[str, ...]] = ()
    has_exact: ClassVar[bool] = False
    beta: float = 1.0

    guide: Guide
    model: Model

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.has_exact = any("exact" in vars(base) for base in cls.__mro__ if base is not Task)

    @property
    def called(self) -> str:
        """Its name in messages: the one that a user gives."""
        return registered_name(type(self), {**INDEX, **OPTIONAL})

    @abstractmethod
    def load(self) -> Data:
        """Return the data. Called once per run; raises `tasks.data.DataUnavailable`, which says what to do."""

    def require_data(self, data: Data) -> None:
        """Raise a ValueError that says what is needed if `prepare` cannot take the values of the rows."""

    def prepare(self, raw: Tensor) -> Tensor:
        """Turn stored rows [B, ...] into observations x; draws (dynamic binarization) are functional.

        They are [B, ...], too; [1, B, ...] if the model is a `GlobalModel`.
        """
        return raw

    def words(self, raw: Tensor) -> Tensor | None:
        """Return how many words each stored row [B, ...] has, [B], if rows are texts; otherwise None.

        Bounds on log p of such rows are reported as a perplexity per word, too.
        """
        return None

    def initialise(self, data: Data) -> None:
        """Set parameters that depend on the data, such as an output bias. Called once, before training."""

    def evaluated(self) -> "Task":
        """Return the task whose bounds are reported: this one, or, if β ≠ 1, one with the same parameters and β = 1."""
        return self

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        """Return the exact value of `target` per datapoint, [B], differentiable in the parameters.

        None if neither closed form, enumeration nor quadrature gives it, whatever the parameters; NaN if it is not
        known at the current ones, for example beyond the reach of a quadrature, which counts as no answer there.
        `samples` is K of the `iwae` target.
        """
        return None


def is_elbo(target: Target, samples: int) -> bool:
    """Return whether a target is the ELBO, which L_K is at K = 1.

    >>> from varbench import is_elbo
    >>> is_elbo("iwae", 1), is_elbo("iwae", 2)
    (True, False)
    """
    return target == "elbo" or (target == "iwae" and samples == 1)


def registered_name(cls: type, index: Mapping[str, tuple[str, ...]]) -> str:
    """Return the name that an index of ours has for a class, the first of several; of any other, its own.

    >>> from tasks import INDEX
    >>> from tasks.base import Task, registered_name
    >>> from tasks.toys.gaussian import GaussianQuadratic
    >>> registered_name(GaussianQuadratic, INDEX), registered_name(Task, INDEX)
    ('gaussian-quadratic', 'Task')
    """
    place = f"{cls.__module__}:{cls.__qualname__}"
    return next((name for name, (path, *_) in index.items() if path == place), cls.__name__)


def empty_data(name: str, dtype: torch.dtype) -> Data:
    """Return the data of a task that observes nothing: one row without columns, so that B = 1.

    >>> import torch
    >>> from varbench import empty_data
    >>> empty_data("none", torch.float64).train.shape
    torch.Size([1, 0])
    """
    nothing = torch.zeros(1, 0, dtype=dtype)
    return Data(nothing, nothing, name)
