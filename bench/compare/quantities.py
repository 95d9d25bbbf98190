"""What is compared: on which scale, which direction is better, and what change does not matter."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from bench.errors import UsageError, did_you_mean
from bench.results.metrics import Direction, about

Scale = Literal["ratio", "difference", "relative"]


@dataclass(frozen=True)
class Quantity:
    """One compared metric.

    Attributes:
        name: a metric of the `gradients` table or a column of the `final` table.
        scale: `ratio` compares logarithms, `difference` the values, `relative` the values as shares of BASE's.
        better: +1 where more is better, −1 where less is, 0 where the task says which.
        margin: the largest change that does not matter, on the scale's own terms: a share, or a difference.
        beyond_margin: whether a change must be beyond the margin to be significant, and not merely differ from zero:
            a clock is never quite the same twice.
    """

    name: str
    scale: Scale
    better: Direction
    margin: float
    beyond_margin: bool = False

    @property
    def percent(self) -> bool:
        """Whether changes are shares of BASE's value."""
        return self.scale != "difference"

    def bounds(self) -> tuple[float, float]:
        """Return the changes between which the metric counts as equivalent, on the scale of the comparison."""
        return -self._scaled_margin(), self._scaled_margin()

    def _scaled_margin(self) -> float:
        return math.log1p(self.margin) if self.scale == "ratio" else self.margin

    def natural(self, change: float) -> float:
        """Return a change on the scale of the comparison as a share or a difference."""
        if self.scale != "ratio":
            return change
        return math.expm1(change) if change < 700 else math.inf


GRADIENT: Final = ("variance", "relative_bias")
EVALUATIONS: Final = "evaluations"
TIMES: Final = ("seconds", "relative_cost")
FINAL: Final = ("test_elbo", "test_perplexity", "train_elbo", "objective")
COMPLETED: Final = "completed"


def _measured(name: str, scale: Scale, margin: float, beyond_margin: bool = False) -> Quantity:
    return Quantity(name, scale, about(name).better, margin, beyond_margin)


QUANTITIES: Final[dict[str, Quantity]] = {
    quantity.name: quantity
    for quantity in (
        _measured("variance", "ratio", 0.10),
        _measured("relative_bias", "difference", 0.05),
        _measured(EVALUATIONS, "ratio", 0.0),
        _measured("seconds", "ratio", 0.25, beyond_margin=True),
        _measured("test_elbo", "difference", 0.5),
        _measured("test_perplexity", "relative", 0.05),
        _measured("train_elbo", "difference", 0.5),
        _measured("objective", "relative", 0.05),
        Quantity(COMPLETED, "difference", 1, 0.0),
    )
}

ON_REQUEST: Final[dict[str, Quantity]] = {
    quantity.name: quantity for quantity in (_measured("relative_cost", "ratio", 0.25, beyond_margin=True),)
}
"""What is compared where a threshold names it only: with a model that has become faster, it is larger."""

_THRESHOLD: Final = re.compile(
    r"\s*(?P<name>\w+)\s*:\s*(?P<sign>[+-])\s*(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>%?)\s*"
)


@dataclass(frozen=True)
class Threshold:
    """A change to fail at: `variance:+10%`, `test_elbo:-0.5`. `change` is signed, a share or a difference."""

    name: str
    change: float
    text: str


def parse_threshold(text: str) -> Threshold:
    """Parse `metric:+number%` or `metric:-number`.

    Raises:
        UsageError: it has another form, there is no such metric, or the change would be for the better.
    """
    match = _THRESHOLD.fullmatch(text)
    if match is None:
        raise UsageError(f"'{text}' is not a threshold such as variance:+10% or test_elbo:-0.5")
    name = match["name"]
    known = [known for known in (*QUANTITIES, *ON_REQUEST) if known != COMPLETED]
    if name not in known:
        raise UsageError(f"'{name}' is not compared{did_you_mean(name, known) or '; known: ' + ', '.join(known)}")
    quantity = (QUANTITIES | ON_REQUEST)[name]
    if quantity.percent != bool(match["unit"]):
        wanted = "a share: write a % after it" if quantity.percent else "a difference: leave the % out"
        raise UsageError(f"'{text}': a change of {name} is {wanted}")
    sign = 1 if match["sign"] == "+" else -1
    if sign == quantity.better:
        other = "-" if sign > 0 else "+"
        raise UsageError(f"'{text}': that would be better; write {name}:{other}{match['number']}{match['unit']}")
    size = float(match["number"]) / (100 if quantity.percent else 1)
    if not math.isfinite(size):
        raise UsageError(f"'{text}': the change is too large")
    return Threshold(name, sign * size, text)


def with_thresholds(thresholds: Sequence[Threshold]) -> dict[str, Quantity]:
    """Return the compared metrics; what a threshold lets pass is equivalent."""
    changed = dict(QUANTITIES)
    for threshold in thresholds:
        quantity = (ON_REQUEST | changed)[threshold.name]
        changed[threshold.name] = replace(quantity, margin=abs(threshold.change))
    return changed
