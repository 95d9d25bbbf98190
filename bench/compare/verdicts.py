"""Verdicts over a whole grid of comparisons: better, worse, equivalent or inconclusive, corrected for multiplicity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import stats

from bench.compare.comparisons import Comparison
from bench.compare.matching import Match
from bench.compare.moments import compare_moments
from bench.compare.quantities import COMPLETED, EVALUATIONS, QUANTITIES, Quantity, Threshold
from bench.compare.trainings import compare_trainings
from bench.errors import UsageError
from bench.results.metrics import PARTS

LEVEL: Final = 0.01
"""False discovery rate. Two sets of results that do not differ get a verdict of better or worse at most this often."""

Verdict = Literal["worse", "better", "inconclusive", "equivalent"]
VERDICTS: Final[tuple[Verdict, ...]] = ("worse", "better", "inconclusive", "equivalent")

_SEEN: Final = 100.0
"""A change that would have to be more than a hundredfold to be found is none that a reader is told."""


@dataclass(frozen=True)
class Judged:
    """A comparison with its verdict. Changes are shares of BASE's value, or differences, depending on the metric.

    Attributes:
        comparison: what is judged.
        change: NEW against BASE.
        low: lower end of its 95% interval.
        high: upper end of its 95% interval.
        p: p-value adjusted by Benjamini & Hochberg (1995).
        detectable: the change for the worse that would be found with 80% power; NaN where it is beyond all reason.
        verdict: what to make of it.
    """

    comparison: Comparison
    change: float
    low: float
    high: float
    p: float
    detectable: float
    verdict: Verdict


def judge(
    found: Sequence[Match],
    quantities: Mapping[str, Quantity] = QUANTITIES,
    groups: tuple[str, ...] = PARTS,
    level: float = LEVEL,
) -> list[Judged]:
    """Return the verdict on every metric of the matched experiments, most urgent first."""
    compared = [
        comparison
        for experiment in found
        for comparison in (*compare_moments(experiment, quantities, groups), *compare_trainings(experiment, quantities))
    ]
    raw = np.array([_p_value(comparison) for comparison in compared])
    tested = ~np.isnan(raw)
    adjusted = np.full(len(raw), math.nan)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(raw[tested])
    # What one change alone needs: the strictest of the levels that Benjamini and Hochberg's procedure uses.
    alone = level / max(1, int(tested.sum()))
    judged = [_judged(comparison, float(p), alone, level) for comparison, p in zip(compared, adjusted, strict=True)]
    return sorted(judged, key=lambda one: VERDICTS.index(one.verdict))


def violations(judged: Sequence[Judged], thresholds: Sequence[Threshold]) -> list[Judged]:
    """Return what a comparison fails for: what is worse, or, given thresholds, what is worse by more than they allow.

    Raises:
        UsageError: a threshold's metric was compared nowhere.
    """
    worse = [one for one in judged if one.verdict == "worse"]
    if not thresholds:
        return worse
    for threshold in thresholds:
        if not any(one.comparison.quantity.name == threshold.name for one in judged):
            compared = ", ".join(dict.fromkeys(one.comparison.quantity.name for one in judged)) or "none"
            raise UsageError(
                f"--fail-if '{threshold.text}' cannot be judged: {threshold.name} was never compared; there are "
                f"{compared}"
            )
    return [one for one in worse if any(_exceeds(one, threshold) for threshold in thresholds)]


def decided(judged: Sequence[Judged], thresholds: Sequence[Threshold] = ()) -> list[Judged]:
    """Return the comparisons that say whether something has changed: of the metrics of thresholds, where there are any.

    Otherwise counts are left out, of evaluations and of completed seeds, which agree even where nothing was measured.
    """
    names = {threshold.name for threshold in thresholds} or set(QUANTITIES) - {EVALUATIONS, COMPLETED}
    return [one for one in judged if one.verdict != "inconclusive" and one.comparison.quantity.name in names]


def _exceeds(one: Judged, threshold: Threshold) -> bool:
    if one.comparison.quantity.name != threshold.name:
        return False
    return one.change >= threshold.change if threshold.change > 0 else one.change <= threshold.change


def _p_value(comparison: Comparison) -> float:
    difference, quantity = comparison.difference, comparison.quantity
    if difference.effect is None:
        return math.nan
    if difference.p is not None:
        return difference.p
    return difference.effect.p_value(quantity.bounds()[1] if quantity.beyond_margin else 0.0)


def _judged(comparison: Comparison, p: float, alone: float, level: float) -> Judged:
    effect, quantity = comparison.difference.effect, comparison.quantity
    if effect is None:
        return Judged(comparison, math.nan, math.nan, math.nan, math.nan, math.nan, "inconclusive")
    low, high = effect.interval()
    least, most = quantity.bounds()
    verdict: Verdict = "inconclusive"
    if least <= low and high <= most:
        verdict = "equivalent"
    elif p <= level:
        verdict = "better" if effect.value * comparison.better > 0 else "worse"
    size = effect.detectable(alone) + (most if quantity.beyond_margin else 0.0)
    hopeless = quantity.scale == "ratio" and size > math.log(_SEEN)
    detectable = math.nan if hopeless else quantity.natural(-comparison.better * size)
    change, low, high = (quantity.natural(bound) for bound in (effect.value, low, high))
    return Judged(comparison, change, low, high, p, detectable, verdict)
