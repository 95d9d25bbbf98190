"""A rise to 1 at the beginning of a training, in steps or as a share of it: of step sizes, or of a weight."""

from dataclasses import dataclass
from typing import ClassVar

from bench.errors import UsageError


@dataclass(frozen=True)
class Ramp:
    """From `start` to 1 over the first `steps` steps, or over a `share` of the training: one of the two is given.

    Attributes:
        name: what a message calls it.
    """

    name: ClassVar[str] = "ramp"

    steps: int = 0
    share: float = 0.0
    start: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.steps) == bool(self.share):
            raise UsageError(f"{self.name} needs either its steps or a share: {self.name}(steps=500) or (share=0.1)")
        if not isinstance(self.steps, int) or self.steps < 0:
            raise UsageError(f"{self.name}: 'steps' must be a whole number of at least 1, not {self.steps}")
        if not 0 <= self.share <= 1:
            raise UsageError(f"{self.name}: 'share' must be in (0, 1]; it is {self.share}")
        if not 0 <= self.start <= 1:
            raise UsageError(f"{self.name}: 'start' must be in [0, 1]; it is {self.start}")

    def over(self, steps: int) -> int:
        """Return how many steps of a training of `steps` it takes."""
        return self.steps or max(1, round(self.share * steps))

    def risen(self, step: int, steps: int) -> float:
        """Return where it is at `step` (from 0) of a training of `steps` steps."""
        length = self.over(steps)
        return self.start + (1 - self.start) * step / length if step < length else 1.0

    @property
    def fewest(self) -> int:
        """The fewest steps of a training that it fits into."""
        return self.steps
