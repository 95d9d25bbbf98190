"""How much noisier is one estimator than another in the same time, and which may still be the best?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from bench.compare.effects import Effect, Reading, from_errors, paired
from bench.measure.stopping import FIRST
from bench.statistics.intervals import Interval
from bench.statistics.quantiles import GROUPS, quantile

LEVEL: Final = 0.05
"""Probability that anywhere in a run the best at some parameters is called worse than another; with several that are
equally good, that a given one of them is."""

FALSE_ALARM: Final = 1e-3
"""Probability that anywhere in a run an estimator without a bias is called biased, as in what `bench run` warns of."""

ALIKE: Final = 1.1
"""Estimators whose noise differs by a smaller factor are as good as each other."""

_CLEARLY: Final = 2.0
"""From few replicates, of which a heavy tail may show nothing yet, a factor up to this one is no evidence."""


@dataclass(frozen=True)
class Noise:
    """What is known of an estimator's noise at some parameters, and of its cost.

    Attributes:
        variance: of the gradient, all parameters together.
        replicates: that it is known from.
        laps: seconds of one gradient, a number for each time that all estimators were timed one after the other.
    """

    variance: Interval
    replicates: int
    laps: Sequence[float]

    @property
    def seconds(self) -> float:
        """Return the seconds of one gradient, the geometric mean of the laps."""
        return math.exp(float(np.log(self.laps).mean()))

    @property
    def work(self) -> float:
        """Return variance × seconds."""
        return self.variance.value * self.seconds


def variance_effect(base: Noise, new: Noise) -> Effect:
    """Return the logarithm of the ratio of two variances, NEW over BASE; both are above zero."""
    return from_errors([_reading(base.variance)], [_reading(new.variance)])


def work_effect(base: Noise, new: Noise) -> Effect:
    """Return the logarithm of the ratio of variance × seconds, NEW over BASE; both variances are above zero.

    Replicates of two estimators are independent. Their times are not: a machine that is slow for a while is slow for
    both. So times are compared lap by lap, and the spread of these ratios is the error of their mean.
    """
    spread = variance_effect(base, new)
    common = min(len(base.laps), len(new.laps))
    time = paired(*(np.log(one.laps[:common]).tolist() for one in (base, new)))
    below, above = (math.hypot(error, time.below) for error in (spread.below, spread.above))
    degrees = min(_degrees(error, spread.degrees, time) for error in (spread.below, spread.above))
    return Effect(spread.value + time.value, below, above, degrees)


def times_less(effect: Effect) -> Interval:
    """Return how many times less NEW has than BASE, with its 95% interval."""
    low, high = effect.interval()
    value, least, most = (math.exp(-min(max(one, -700.0), 700.0)) for one in (effect.value, high, low))
    return Interval(value, value * max(effect.below, effect.above), least, most)


@dataclass(frozen=True)
class Standing:
    """Who may be the best of several estimators at some parameters.

    Attributes:
        leader: the one with the least variance × seconds.
        worse: those that are not the best: `LEVEL` is the probability that the best is among them.
        alike: those that differ from the leader by less than the factor `ALIKE`, at the same level.
    """

    leader: str
    worse: frozenset[str]
    alike: frozenset[str]


def standing(noises: Mapping[str, Noise], looks: int) -> Standing:
    """Return which estimators may be the best, from noises that are all above zero.

    Who is worse than another is not the best. The best is called worse only if one of the others seems better than it:
    of these there are one fewer than estimators, so that each test has the level over their number and that of looks
    (Bonferroni; Hsu's 1984 comparisons with the best are such tests). Who leads is chosen by the data, and may be.

    Args:
        noises: by estimator.
        looks: how often it is asked in a run.
    """
    leader = min(noises, key=lambda name: noises[name].work)
    level = LEVEL / looks / max(1, len(noises) - 1)
    effects = {name: work_effect(noises[leader], noises[name]) for name in noises if name != leader}
    worse, alike = set[str](), set[str]()
    for name, effect in effects.items():
        few = min(noises[name].replicates, noises[leader].replicates) < FIRST
        if p_larger(effect, math.log(_CLEARLY) if few else 0.0) < level:
            worse.add(name)
        elif effect.value + _critical(effect, level) * effect.above < math.log(ALIKE):
            alike.add(name)
    return Standing(leader, frozenset(worse), frozenset(alike))


def p_larger(effect: Effect, least: float = 0.0) -> float:
    """Return the one-sided p-value of NEW − BASE ≤ `least`."""
    excess = effect.value - least
    if excess <= 0:
        return 1.0
    return float(stats.t.sf(excess / effect.below, effect.degrees)) if effect.below > 0 else 0.0


def _critical(effect: Effect, level: float) -> float:
    return float(stats.t.isf(level, effect.degrees))


def _reading(variance: Interval) -> Reading:
    value, t = math.log(variance.value), quantile(GROUPS - 1)
    low = math.log(variance.low) if variance.low > 0 else -math.inf
    return Reading(value, (value - low) / t, (math.log(variance.high) - value) / t)


def _degrees(error: float, degrees: float, time: Effect) -> float:
    """Return the degrees of freedom of a sum of two errors (Welch–Satterthwaite)."""
    parts = [(error, degrees), (time.below, time.degrees)]
    total = math.hypot(error, time.below)
    if total == 0 or math.isinf(total):
        return degrees
    spread = sum((one / total) ** 4 / of for one, of in parts)
    return 1 / spread if spread > 0 else math.inf
