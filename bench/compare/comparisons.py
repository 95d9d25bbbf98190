"""One comparison per experiment, metric, step and parameter group: the two values and the difference between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.compare.effects import NONE, Effect, Reading, paired, unpaired
from bench.compare.matching import Row
from bench.compare.quantities import Quantity
from bench.results.metrics import Direction

Readings = Mapping[int, Reading]
"""Readings by seed."""


@dataclass(frozen=True)
class Difference:
    """A difference between two sides and what it is judged by.

    Attributes:
        effect: None where there is nothing to judge it by.
        method: what it is judged by, or why it cannot be judged.
        base: the seeds of BASE in use.
        new: the seeds of NEW in use.
        p: the p-value, where it is not that of the effect.
    """

    effect: Effect | None
    method: str
    base: tuple[int, ...]
    new: tuple[int, ...]
    p: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One metric of one experiment on both sides.

    Attributes:
        row: what the experiment is.
        quantity: the metric.
        step: training steps before the measurement; None for what belongs to the whole training.
        group: parameter group; empty where there is none.
        base: BASE's mean value.
        new: NEW's mean value.
        better: +1 where more is better, −1 where less is.
        difference: between the two.
        versions: of the estimator, in BASE and in NEW.
    """

    row: Row
    quantity: Quantity
    step: int | None
    group: str
    base: float
    new: float
    better: Direction
    difference: Difference
    versions: tuple[str, str]


def over_seeds(base: Readings, new: Readings, value: Callable[[Reading], float]) -> Difference:
    """Return the difference with the seed as the replicate: paired where most seeds are common, else Welch's.

    Student's t and not an exact sign-flip test: with fewer than six seeds the latter cannot reach a level of 5%.
    """
    common = common_seeds(base, new)
    if len(common) == max(len(base), len(new)) and identical(base, new, common):
        return Difference(NONE, "identical", common, common)
    if len(common) >= 2 and 2 * len(common) >= min(len(base), len(new)):
        effect = paired([value(base[seed]) for seed in common], [value(new[seed]) for seed in common])
        return Difference(effect, "seeds, paired", common, common)
    if len(base) >= 2 and len(new) >= 2:
        effect = unpaired([value(r) for r in base.values()], [value(r) for r in new.values()])
        return Difference(effect, "seeds, unpaired", tuple(base), tuple(new))
    reason = "needs two seeds on each side, to tell a change from a lucky seed"
    return Difference(None, reason, tuple(base), tuple(new))


def common_seeds(base: Readings, new: Readings) -> tuple[int, ...]:
    """Return the seeds that both sides have, in order."""
    return tuple(sorted(base.keys() & new.keys()))


def identical(base: Readings, new: Readings, seeds: Sequence[int]) -> bool:
    """Return whether two sides have the very same numbers at these seeds."""
    return all(base[seed] == new[seed] for seed in seeds)
