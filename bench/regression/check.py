"""Compare fresh moments with the kept ones: every difference tested, corrected for how many there are."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scipy import stats

from bench.compare.effects import NONE, Effect, Reading, from_errors
from bench.measure.moments import GROUPS
from bench.regression.moments import Moment
from bench.results.digits import apart
from bench.statistics.quantiles import quantile

FALSE_ALARM: Final = 1e-3
"""How often a check of any number of moments reports a change where there is none."""


@dataclass(frozen=True)
class Change:
    """A moment that is not what it was; `p` is adjusted by Benjamini & Hochberg (1995)."""

    kept: Moment
    moment: str
    before: float
    after: float
    p: float

    def __str__(self) -> str:
        where = f"{self.kept.task} · {self.kept.estimator} · {self.kept.group}"
        before, after = apart(self.before, self.after)
        return f"{where}: {self.moment} was {before} and is {after} (p = {self.p:.1g})"


def changes(kept: Sequence[Moment], fresh: Sequence[Moment]) -> list[Change]:
    """Return the moments that differ, of those that both sides have."""
    known = {_key(moment): moment for moment in kept}
    tested = [test for new in fresh if _key(new) in known for test in _tests(known[_key(new)], new)]
    if not tested:
        return []
    adjusted = stats.false_discovery_control([effect.p_value() for *_, effect in tested])
    return [
        Change(old, name, getattr(old, name), getattr(new, name), float(p))
        for (old, new, name, _), p in zip(tested, adjusted, strict=True)
        if p <= FALSE_ALARM
    ]


def uncovered(kept: Sequence[Moment], fresh: Sequence[Moment]) -> list[str]:
    """Return the estimators of fresh moments that have no kept ones."""
    known = {_key(moment) for moment in kept}
    return list(dict.fromkeys(moment.estimator for moment in fresh if _key(moment) not in known))


def compared(kept: Sequence[Moment], fresh: Sequence[Moment]) -> int:
    """Return how many fresh rows have a kept one to be compared with."""
    known = {_key(moment) for moment in kept}
    return sum(_key(moment) in known for moment in fresh)


def unmeasured(kept: Sequence[Moment], fresh: Sequence[Moment], names: Sequence[str]) -> dict[str, list[str]]:
    """Return, by estimator, the tasks of stored rows that were not measured again, although the estimator was."""
    there = {_key(moment) for moment in fresh}
    lost: dict[str, list[str]] = {}
    for moment in kept:
        if moment.estimator in names and _key(moment) not in there:
            tasks = lost.setdefault(moment.estimator, [])
            if moment.task not in tasks:
                tasks.append(moment.task)
    return lost


def _key(moment: Moment) -> tuple[str, str, int, str]:
    return moment.task, moment.estimator, moment.samples, moment.group


def _tests(old: Moment, new: Moment) -> Iterator[tuple[Moment, Moment, str, Effect]]:
    yield old, new, "variance", _variance_effect(old, new)
    for name in ("mean_1", "mean_2"):
        yield old, new, name, from_errors([_mean(old, name)], [_mean(new, name)])


def _variance_effect(old: Moment, new: Moment) -> Effect:
    if old.variance == new.variance == 0:
        return NONE
    if old.variance == 0 or new.variance == 0:
        return Effect(math.inf if new.variance else -math.inf, 0.0, 0.0, math.inf)
    return from_errors([_log_variance(old)], [_log_variance(new)])


def _log_variance(moment: Moment) -> Reading:
    value = math.log(moment.variance)
    low = math.log(moment.variance_low) if moment.variance_low > 0 else -math.inf
    t = quantile(GROUPS - 1)
    return Reading(value, (value - low) / t, (math.log(moment.variance_high) - value) / t)


def _mean(moment: Moment, name: str) -> Reading:
    se = getattr(moment, f"{name}_se")
    return Reading(getattr(moment, name), se, se)
