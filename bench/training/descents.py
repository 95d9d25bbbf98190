"""What `--optimizer` says: an optimizer by its name, and its settings."""

from dataclasses import dataclass
from typing import Final, final

from bench.errors import UsageError
from bench.names.spec import configured, configured_text


@final
@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015)."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _require_share("adam", beta1=self.beta1, beta2=self.beta2)
        _require_positive("adam", eps=self.eps)


@final
@dataclass(frozen=True)
class SGD:
    """Plain gradient steps, with momentum (Polyak 1964; Nesterov 1983) where it is asked for."""

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _require_share("sgd", momentum=self.momentum)
        if self.nesterov and not self.momentum:
            raise UsageError("sgd: nesterov needs a momentum, as in sgd(momentum=0.9, nesterov=true)")


@final
@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman & Hinton 2012), uncentred."""

    alpha: float = 0.99
    momentum: float = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _require_share("rmsprop", alpha=self.alpha, momentum=self.momentum)
        _require_positive("rmsprop", eps=self.eps)


Descent = Adam | SGD | RMSprop

OPTIMIZERS: Final[dict[str, type[Descent]]] = {"adam": Adam, "sgd": SGD, "rmsprop": RMSprop}


def parse_optimizer(text: str) -> Descent:
    """Return the optimizer written as `adam`, or as `sgd(momentum=0.9)`.

    Raises:
        UsageError: there is no such optimizer or parameter, or a value is out of range.
    """
    return configured("optimizer", OPTIMIZERS, text)


def optimizer_text(text: str) -> str:
    """Return how a cell has an optimizer on record: without defaults, so that what is the same has one id.

    Raises:
        UsageError: see `parse_optimizer`.
    """
    return configured_text(OPTIMIZERS, parse_optimizer(text))


def _require_share(name: str, **values: float) -> None:
    for key, value in values.items():
        if not 0 <= value < 1:
            raise UsageError(f"{name}: '{key}' must be in [0, 1); it is {value}")


def _require_positive(name: str, **values: float) -> None:
    for key, value in values.items():
        if value <= 0:
            raise UsageError(f"{name}: '{key}' must be positive; it is {value}")
