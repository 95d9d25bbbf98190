"""A group-sequential test that stops as soon as the case is clear, and a confirmation on fresh draws."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch
from scipy import stats
from torch import Tensor

from bench.check.clock import Clock
from bench.check.deviations import DOMINATED, Deviations, quantile
from bench.check.verdicts import POWER

FIRST_LOOK: Final = 2**11
LAST_LOOK: Final = 2**22
_LEAST_CONFIRMATION: Final = 2**14
_FEWEST: Final = 32
_CONFIRMING: Final = 10.0
"""Seconds that a confirmation may take in any case: what is off should be so on a slow machine, too."""

RAREST: Final = 1e-4
"""The probability of the rarest event that a confirmation waits for."""


@dataclass(frozen=True)
class Alarm:
    """A direction whose mean is off.

    Attributes:
        direction: its index in the deviations.
        shift: the mean deviation along it.
        statistic: in standard errors, nearly.
        not_finite: in how many draws it is NaN or infinite, in words; empty where it is in none.
    """

    direction: int
    shift: float
    statistic: float
    not_finite: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a test of one mean ended.

    Attributes:
        verdict: `off` if an alarm was confirmed on fresh draws, `clear` if what is detectable is below the tolerance,
            `open` otherwise.
        alarm: what was off, at the confirmation or, unconfirmed, at the last look.
        detectable: the smallest bias of a coordinate, relative to its scale, that is seen with 99% power.
        relative_bias: of the whole gradient.
        replicates: drawn, those of the confirmation included.
        waited: whether a busy machine, and not the work that was allowed, ended it.
    """

    verdict: Literal["off", "clear", "open"]
    alarm: Alarm | None
    detectable: float
    relative_bias: float
    replicates: int
    waited: bool = False


def sequential_test(
    draw: Callable[[int], Tensor],
    fresh: Callable[[], Deviations],
    scales: Tensor,
    level: float,
    tolerance: float,
    seconds: float,
    rarest: float = RAREST,
    each: int = 1,
) -> Outcome:
    """Draw until the mean is clearly off, or clearly not off by more than `tolerance`, or `seconds` are over.

    There are twelve looks, each at twice as many draws as the one before. Look j may spend √t_j − √t_{j−1} of the
    level, t being the share of the last look's draws (Kim & DeMets 1987, ρ = ½), and divides that by the number of
    directions: by Bonferroni's inequality the level holds over all looks and directions whatever their dependence, and
    when the clock ends the test early, what is left of the level is unused. An alarm counts only if fresh draws, at
    least as many, are off along the same direction to the same side: a tail that is heavier than the normal one far
    out, where looks are taken, is not also heavier at the same place in draws of their own. An alarm that is not
    confirmed does not end the test. Nothing is concluded from fewer draws than the first look has, nor where a single
    row makes up a fifth of the variance.

    Where the mean is off by more than a standard deviation, as along a direction that was constant so far, what is
    missing may be an event too rare to have been seen. There the confirmation draws so often that one of probability
    `rarest` would have come with all but the look's level, or says nothing.

    Args:
        draw: returns at most the given number of rows [n, P + 1].
        fresh: returns empty deviations.
        scales: what a bias of each coordinate of the gradient is relative to, and then one of the objective, [P + 1].
        level: the probability of an alarm if the mean is right.
        tolerance: the relative bias that the test is to exclude.
        seconds: for the draws of the looks, of work (`Clock`); a confirmation takes as long again at most, or a few.
        rarest: the probability of the rarest event that is waited for; one asks for nothing.
        each: how many independent estimates a row is the mean of. Numbers of draws above are those of estimates.
    """
    clock = Clock(seconds)
    deviations, first = fresh(), _rows(FIRST_LOOK, each)
    detectable, alarm, confirmations = float("inf"), None, 0
    for spent in _looks(draw, deviations, level, clock, each):
        share = spent / (2 * deviations.tests)
        detectable = _detectable(deviations, scales, share)
        alarm = _alarm(deviations, share, first)
        if alarm is not None:
            again, rare = fresh(), _rows(math.ceil(-math.log(spent) / rarest), each) if rarest < 1 else 0
            least = max(
                deviations.count,
                _rows(_LEAST_CONFIRMATION, each),
                rare if _beyond_spread(alarm, deviations, each) else 0,
            )
            _fill(draw, again, least, Clock(max(seconds, _CONFIRMING)), first)
            confirmations += again.count
            repeated = _repeated(alarm, again, spent, rare, each)
            if repeated is not None:
                drawn = deviations.count + confirmations
                return Outcome("off", repeated, detectable, again.relative_bias(), each * drawn)
        elif detectable <= tolerance:
            break
    enough = deviations.count >= first and detectable <= tolerance
    verdict = "clear" if alarm is None and enough else "open"
    drawn = deviations.count + confirmations
    return Outcome(verdict, alarm, detectable, deviations.relative_bias(), each * drawn, clock.waited)


def _rows(estimates: int, each: int) -> int:
    """Return how many rows make up so many estimates; of means of many, a few dozen at least."""
    return max(-(-estimates // each), min(estimates, _FEWEST))


def _beyond_spread(alarm: Alarm, deviations: Deviations, each: int) -> bool:
    """Return whether the mean along an alarm's direction is off by more than a standard deviation of one estimate."""
    spread = deviations.standard_error()[alarm.direction] * (each * deviations.count) ** 0.5
    return bool(deviations.shift()[alarm.direction].abs() > spread)


def _repeated(alarm: Alarm, again: Deviations, level: float, rare: int, each: int) -> Alarm | None:
    """Return the alarm as fresh draws have it, or None where they do not confirm it.

    Args:
        alarm: to confirm.
        again: the fresh draws.
        level: the probability of a confirmation where the mean is right.
        rare: the fewest draws from which a mean is off by more than a standard deviation.
        each: how many estimates a draw is the mean of.
    """
    least = rare if _beyond_spread(alarm, again, each) else 0
    # The n events that a mean rests on may all have failed to come with probability e⁻ⁿ.
    share = min(DOMINATED, -0.5 / math.log(level)) if rare else DOMINATED
    if again.count < max(_rows(FIRST_LOOK, each), least) or bool(again.dominated(share)[alarm.direction]):
        return None
    statistic = float(again.statistic()[alarm.direction])
    if statistic * alarm.statistic <= 0 or abs(statistic) <= quantile(level, again.count):
        return None
    words = again.not_finite(alarm.direction)
    return Alarm(alarm.direction, float(again.shift()[alarm.direction]), statistic, words)


def _looks(
    draw: Callable[[int], Tensor], deviations: Deviations, level: float, clock: Clock, each: int
) -> Iterator[float]:
    """Draw up to each look, and yield how much of the level it may spend; one when the clock is over is the last."""
    before, count = 0.0, FIRST_LOOK
    while count <= LAST_LOOK:
        share = (count / LAST_LOOK) ** 0.5
        in_time = _fill(draw, deviations, _rows(count, each), clock, _rows(FIRST_LOOK, each))
        yield level * (share - before)
        if not in_time:
            return
        before, count = share, 2 * count


def _fill(draw: Callable[[int], Tensor], deviations: Deviations, count: int, clock: Clock, first: int) -> bool:
    """Draw until there are `count` rows; return whether it was in time. Some rows are drawn in any case.

    At most as many at once as there are, so that slow draws do not run far beyond their time; below the first look,
    from which nothing would be concluded, all that it needs.
    """
    while deviations.count < count:
        deviations.update(draw(min(count - deviations.count, max(first, deviations.count))))
        if clock.over():
            return False
    return True


def _alarm(deviations: Deviations, level: float, first: int) -> Alarm | None:
    if deviations.count < first:
        return None
    statistic = torch.where(deviations.dominated(), 0.0, deviations.statistic())
    critical = quantile(level, deviations.count)
    size = len(deviations.mean)
    # A coordinate says more to a reader than a projection, where both are off.
    direction = int(statistic[:size].abs().argmax())
    if abs(float(statistic[direction])) <= critical:
        direction = int(statistic.abs().argmax())
    if abs(float(statistic[direction])) <= critical:
        return None
    words = deviations.not_finite(direction)
    return Alarm(direction, float(deviations.shift()[direction]), float(statistic[direction]), words)


def _detectable(deviations: Deviations, scales: Tensor, level: float) -> float:
    """Return the largest over coordinates of the relative bias that is seen with 99% power.

    Where no coordinate of the gradient is claimed, that of the objective.
    """
    size = len(scales)
    errors, claimed = deviations.standard_error()[:size] / scales, deviations.tested[:size].clone()
    if bool(claimed[:-1].any()):
        claimed[-1] = False
    return float(errors[claimed].max()) * (quantile(level, deviations.count) + float(stats.norm.ppf(POWER)))
