"""Ways of learning: φ and θ together, or in turn, as in variational EM."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Literal, final

from bench.errors import UsageError
from bench.names.spec import configured

Updated = Literal["guide", "model", "both"]


class Learning(ABC):
    """Which parameter groups move at each training step, and after which steps a row is recorded."""

    @abstractmethod
    def updated(self, step: int) -> Updated:
        """Return what moves at `step` (from 0)."""

    @abstractmethod
    def next_row(self, step: int, every: int) -> int:
        """Return the first step after `step` that a row ends at, given about how many steps a row is to cover."""

    def updated_between(self, start: int, stop: int) -> Updated:
        """Return what moved at the steps from `start` up to, and without, `stop`."""
        first = self.updated(start)
        return first if all(self.updated(step) == first for step in range(start, stop)) else "both"


@final
@dataclass(frozen=True)
class Joint(Learning):
    """Every step moves both: stochastic gradient ascent on φ and θ at once."""

    def updated(self, step: int) -> Updated:
        return "both"

    def next_row(self, step: int, every: int) -> int:
        return (step // every + 1) * every


@final
@dataclass(frozen=True)
class VariationalEM(Learning):
    """E: `guide_steps` steps of φ; M: `model_steps` steps of θ; and again (Neal & Hinton 1998; Jordan et al. 1999).

    Each block improves the same ELBO. An E and an M block have a row of their own; where that would be too many rows,
    the cycles between those that have are recorded together.
    """

    guide_steps: int = 5
    model_steps: int = 1

    def __post_init__(self) -> None:
        for name, count in (("guide_steps", self.guide_steps), ("model_steps", self.model_steps)):
            if not isinstance(count, int) or count < 1:
                raise UsageError(f"em: '{name}' must be a whole number of at least 1, not {count}")

    @property
    def cycle(self) -> int:
        """Steps of an E and an M block together."""
        return self.guide_steps + self.model_steps

    def updated(self, step: int) -> Updated:
        return "guide" if step % self.cycle < self.guide_steps else "model"

    def next_row(self, step: int, every: int) -> int:
        stretch = self.cycle * max(1, every // self.cycle)
        last = step // stretch * stretch + stretch - self.cycle
        return next(end for end in (last, last + self.guide_steps, last + self.cycle) if end > step)


WAYS: Final[dict[str, type[Learning]]] = {"joint": Joint, "em": VariationalEM}


def parse_learning(text: str) -> Learning:
    """Return the way of learning written as `joint` or `em(guide_steps=5, model_steps=1)`.

    Raises:
        UsageError: there is no such way or parameter.
    """
    return configured("way of learning", WAYS, text)
