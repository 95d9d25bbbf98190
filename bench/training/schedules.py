"""Step-size schedules: multipliers of the base step sizes ρ (θ) and η (φ)."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, final

from bench.errors import UsageError
from bench.names.spec import configured
from bench.training.ramps import Ramp


class Schedule(ABC):
    """A multiplier of the step size at each training step."""

    @abstractmethod
    def multiplier(self, step: int, steps: int) -> float:
        """Return the factor at `step` (from 0) of a training of `steps` steps."""

    @property
    def fewest(self) -> int:
        """The fewest steps of a training that it fits into."""
        return 0


@final
class Constant(Schedule):
    """The same step size throughout."""

    def multiplier(self, step: int, steps: int) -> float:
        return 1.0


@final
@dataclass(frozen=True)
class RobbinsMonro(Schedule):
    """(1 + t/delay)^(−power): Σ ρ_t = ∞ and Σ ρ_t² < ∞ for power in (½, 1] (Robbins & Monro 1951)."""

    power: float = 0.75
    delay: float = 100.0

    def __post_init__(self) -> None:
        if not 0.5 < self.power <= 1:
            raise UsageError(f"robbins-monro converges for a power in (0.5, 1]; it is {self.power}")
        if self.delay <= 0:
            raise UsageError(f"robbins-monro needs a positive delay; it is {self.delay}")

    def multiplier(self, step: int, steps: int) -> float:
        return (1 + step / self.delay) ** -self.power


@final
@dataclass(frozen=True)
class Staged(Schedule):
    """Stage i of n lasts 3^i shares of the training at 10^(−i/(n−1)) of the step size (Burda et al. 2016: n = 8)."""

    stages: int = 8
    growth: float = 3.0

    def __post_init__(self) -> None:
        if not isinstance(self.stages, int) or self.stages < 2 or self.growth <= 0:
            raise UsageError("staged needs at least 2 stages, a whole number, and a positive growth")

    def multiplier(self, step: int, steps: int) -> float:
        lengths = [self.growth**stage for stage in range(self.stages)]
        position, end = step / steps * sum(lengths), 0.0
        for stage, length in enumerate(lengths):
            end += length
            if position < end:
                return 10 ** (-stage / (self.stages - 1))
        return 0.1


@final
@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine, from 1 down to `floor` at the end of the training (Loshchilov & Hutter 2017, without restarts)."""

    floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= 1:
            raise UsageError(f"cosine: 'floor' must be in [0, 1]; it is {self.floor}")

    def multiplier(self, step: int, steps: int) -> float:
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * step / steps)) / 2


@final
@dataclass(frozen=True)
class Exponential(Schedule):
    """decay^t: every step is `decay` times the one before."""

    decay: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise UsageError(f"exponential: 'decay' must be in (0, 1]; it is {self.decay}")

    def multiplier(self, step: int, steps: int) -> float:
        return self.decay**step


@final
@dataclass(frozen=True)
class Warmup(Ramp, Schedule):
    """A line from `start` to 1, then another schedule, `then`, over the steps that are left (Goyal et al. 2017)."""

    name: ClassVar[str] = "warmup"

    then: str = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._then

    @cached_property
    def _then(self) -> Schedule:
        return parse_schedule(self.then)

    def multiplier(self, step: int, steps: int) -> float:
        length = self.over(steps)
        if step < length:
            return self.risen(step, steps)
        # Without any step left, of which one may be asked all the same, it is at its beginning.
        return self._then.multiplier(step - length, max(1, steps - length))

    @property
    def fewest(self) -> int:
        return self.steps + self._then.fewest


SCHEDULES: Final[dict[str, type[Schedule]]] = {
    "constant": Constant,
    "robbins-monro": RobbinsMonro,
    "staged": Staged,
    "cosine": Cosine,
    "exponential": Exponential,
    "warmup": Warmup,
}


def parse_schedule(text: str) -> Schedule:
    """Return the schedule written as `name` or `name(parameter=value)`.

    Raises:
        UsageError: there is no such schedule or parameter.
    """
    return configured("schedule", SCHEDULES, text)
