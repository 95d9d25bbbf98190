"""Step-size schedules: multipliers of the base step sizes ρ (θ) and η (φ)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, final

from bench.errors import UsageError
from bench.names.spec import configured


class Schedule(ABC):
    """A multiplier of the step size at each training step."""

    @abstractmethod
    def multiplier(self, step: int, steps: int) -> float:
        """Return the factor at `step` (from 0) of a training of `steps` steps."""


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


SCHEDULES: Final[dict[str, type[Schedule]]] = {
    "constant": Constant,
    "robbins-monro": RobbinsMonro,
    "staged": Staged,
}


def parse_schedule(text: str) -> Schedule:
    """Return the schedule written as `name` or `name(parameter=value)`.

    Raises:
        UsageError: there is no such schedule or parameter.
    """
    return configured("schedule", SCHEDULES, text)
