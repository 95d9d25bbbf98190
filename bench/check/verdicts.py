"""What a check concludes: a verdict, and what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

FALSE_ALARM: Final = 1e-3
"""Probability that a whole run says `biased` or `violated` of anything although all is right."""

POWER: Final = 0.99
"""Probability with which the smallest bias that is reported as detectable would have been seen."""

Verdict = Literal[
    "pass",
    "biased",
    "violated",
    "task at fault",
    "inconclusive",
    "biased, as declared",
    "no bias seen",
    "not confirmed",
    "not applicable",
]

NEGATIVE: Final[frozenset[Verdict]] = frozenset({"biased", "violated", "task at fault"})
"""Verdicts that make `bench check` leave with code 1."""

_ORDER: Final[tuple[Verdict, ...]] = (
    "task at fault",
    "violated",
    "biased",
    "biased, as declared",
    "inconclusive",
    "no bias seen",
    "pass",
    "not applicable",
)


@dataclass(frozen=True)
class Line:
    """The outcome of one check.

    Attributes:
        estimator: its name; `every estimator` where the reason lies in the task.
        subject: the task that the gradient was tested on, or the property that was.
        verdict: what came out.
        samples: the numbers of samples K that were tested.
        detectable: the smallest relative bias of a coordinate that would have been seen with 99% power.
        replicates: gradients drawn.
        seconds: that it took.
        detail: what is wrong and where, or why nothing was tested.
        waited: whether a busy machine ended it before its share of work was done, so that on an idle one it may end
            otherwise.
    """

    estimator: str
    subject: str
    verdict: Verdict
    samples: tuple[int, ...] = ()
    detectable: float | None = None
    replicates: int | None = None
    seconds: float = 0.0
    detail: str = ""
    waited: bool = False

    @property
    def negative(self) -> bool:
        """Whether the line says that something is wrong."""
        return self.verdict in NEGATIVE


@dataclass(frozen=True)
class Violation:
    """A declared property that does not hold."""

    property: str
    found: str

    def __str__(self) -> str:
        return f"{self.property}: {self.found}"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict of a line that sums up several."""
    return min(verdicts, key=_ORDER.index)
