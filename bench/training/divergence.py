"""KL warm-up: the weight β of the divergence in the objective, which rises to 1 while training goes on."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, final

from bench.errors import UsageError
from bench.names.spec import configured, configured_text
from bench.training.ramps import Ramp

_NUMBER: Final = re.compile(r"\s*\d[\d_.eE+-]*\s*")
_NONE: Final = "none"


class Weight(ABC):
    """β at each training step."""

    @abstractmethod
    def at(self, step: int, steps: int) -> float:
        """Return β at `step` (from 0) of a training of `steps` steps."""

    @property
    @abstractmethod
    def fewest(self) -> int:
        """The fewest steps of a training that it fits into."""


@final
@dataclass(frozen=True)
class Linear(Ramp, Weight):
    """β rises from `start` to 1 over the first `steps` steps, or a `share` of the training (Bowman et al. 2016)."""

    name: ClassVar[str] = "linear"

    def at(self, step: int, steps: int) -> float:
        return self.risen(step, steps)


@final
@dataclass(frozen=True)
class Cyclical(Weight):
    """In each of `cycles` equal parts β rises from `start` over a `share` of it, and is 1 then (Fu et al. 2019)."""

    cycles: int = 4
    share: float = 0.5
    start: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.cycles, int) or self.cycles < 1:
            raise UsageError(f"cyclical: 'cycles' must be a whole number of at least 1, not {self.cycles}")
        if not 0 < self.share < 1:
            raise UsageError(f"cyclical: 'share' must be in (0, 1); it is {self.share}")
        if not 0 <= self.start <= 1:
            raise UsageError(f"cyclical: 'start' must be in [0, 1]; it is {self.start}")

    def at(self, step: int, steps: int) -> float:
        position = step * self.cycles % steps / steps
        return self.start + (1 - self.start) * position / self.share if position < self.share else 1.0

    @property
    def fewest(self) -> int:
        return self.cycles


WEIGHTS: Final[dict[str, type[Weight]]] = {"linear": Linear, "cyclical": Cyclical}


def parse_weight(text: str) -> Weight | None:
    """Return the weight written as `linear(steps=1000)`, or as 1000 or 0.1, its steps or its share; None for none.

    Raises:
        UsageError: there is no such weight or parameter.
    """
    if text.strip() in ("", _NONE):
        return None
    if _NUMBER.fullmatch(text):
        text = f"linear({'share' if _is_share(text) else 'steps'}={text.strip()})"
    return configured("KL warm-up", WEIGHTS, text)


def weight_text(text: str) -> str:
    """Return how a cell has a weight on record: without defaults, and empty for none."""
    weight = parse_weight(text)
    return "" if weight is None else configured_text(WEIGHTS, weight)


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False
