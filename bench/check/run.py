"""Run a plan of checks at a false-alarm rate that holds for all of it together."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.check.plan import Plan
from bench.check.verdicts import FALSE_ALARM, Line

_GENEROSITY: Final = 12.0


@dataclass(frozen=True)
class Settings:
    """How a run of checks is done.

    Attributes:
        seed: of all draws.
        tolerance: the relative bias that a `pass` excludes.
        budget: seconds for the whole run, about.
        false_alarm: the probability of a negative verdict in the whole run although all is right.
    """

    seed: int = 0
    tolerance: float = 0.1
    budget: float = 200.0
    false_alarm: float = FALSE_ALARM


def run_plan(plan: Plan, settings: Settings) -> Iterator[Line]:
    """Yield the lines of a plan as they come about, those that do not apply last.

    The level is divided by the number of tests (Bonferroni). Most cases are clear long before their time is over, so
    each may take a few times its share of what is left of the budget.
    """
    level = settings.false_alarm / max(1, plan.tests)
    end = time.perf_counter() + settings.budget
    left = sum(map(len, plan.checks.values()))
    for estimator, checks in plan.checks.items():
        lines: list[Line] = []
        for check in checks:
            share = max(0.0, end - time.perf_counter()) * min(1.0, _GENEROSITY / left)
            lines.append(check.run(level, settings.tolerance, share, settings.seed))
            left -= 1
            yield lines[-1]
        yield from _unconfirmed(estimator, lines)
    yield from plan.lines


def _unconfirmed(estimator: str, lines: list[Line]) -> Iterator[Line]:
    """Yield a line for an estimator that is declared biased and whose bias was seen nowhere."""
    verdicts = [line.verdict for line in lines]
    if "no bias seen" in verdicts and "biased, as declared" not in verdicts:
        detail = "it is declared biased, and no bias was seen on any task"
        yield Line(estimator, "declared bias", "not confirmed", detail=detail)
