"""Run a plan of checks at a false-alarm rate that holds for all of it together."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bench.check.plan import Check, Plan
from bench.check.processes import side_by_side
from bench.check.verdicts import FALSE_ALARM, Line

_MARGIN: Final = 1.5
"""How many times the work that is foreseen for a check it may do."""

_USED: Final = 0.4
"""A check that ended long before its time was over does not lack time."""


@dataclass(frozen=True)
class Settings:
    """How a run of checks is done.

    Attributes:
        seed: of all draws.
        tolerance: the relative bias that a `pass` excludes.
        budget: seconds of work for the tests of means, about, in each process.
        false_alarm: the probability of a negative verdict in the whole run although all is right.
        jobs: checks at a time, each in a process of its own; more than one needs `can_fork()`.
    """

    seed: int = 0
    tolerance: float = 0.1
    budget: float = 200.0
    false_alarm: float = FALSE_ALARM
    jobs: int = 1


def run_plan(plan: Plan, settings: Settings) -> Iterator[Line]:
    """Yield the lines of a plan as they come about, those that do not apply last.

    The level is divided by the number of tests (Bonferroni). Every check has about half of an even share of the time at
    first; of one estimator, those on the smallest tasks come first. Most are clear long before that. Whatever time can
    still decide goes on after all of them, what lacks least first: so as few as possible stay open, and no slow check
    takes the time of others.

    Raises:
        BenchError: the system ended a process.
    """
    run = _Run([check for checks in plan.checks.values() for check in checks], plan.tests, settings)
    blocks: list[range] = []
    for checks in plan.checks.values():
        start = blocks[-1].stop if blocks else 0
        blocks.append(range(start, start + len(checks)))
    untold = {position: waiting for block in blocks for waiting in [[*block]] for position in block}
    for position in run.at_first([p for block in blocks for p in sorted(block, key=lambda p: run.checks[p].work)]):
        waiting = untold[position]
        # In the plan's order, as soon as all before it are there; what is undecided comes last.
        while waiting and waiting[0] in run.lines:
            if (next_one := waiting.pop(0)) not in run.undecided:
                yield run.lines[next_one]
    yield from run.later()
    for name, block in zip(plan.checks, blocks, strict=True):
        yield from _unconfirmed(name, [run.lines[position] for position in block])
    yield from plan.lines


class _Run:
    """Checks by position, with the level and the time that each may use.

    Attributes:
        checks: to run.
        lines: by position, what came out.
        undecided: by position, the seconds of work that those did for which time was over.
    """

    def __init__(self, checks: Sequence[Check], tests: int, settings: Settings) -> None:
        self.checks, self.settings = checks, settings
        self.lines: dict[int, Line] = {}
        self.undecided: dict[int, float] = {}
        self._level = settings.false_alarm / max(1, tests)
        self._left = settings.budget * settings.jobs

    def at_first(self, order: Sequence[int]) -> Iterator[int]:
        """Run all in an order, and give each position when its line is there."""
        count = max(1, len(order))
        share = (1 + 1 / count) / 2 * self._left / count
        yield from self._round(dict.fromkeys(order, min(share, self.settings.budget)))

    def later(self) -> Iterator[Line]:
        """Go on with what is undecided while there is time for it, and yield its lines."""
        while shares := self._affordable():
            for position in self._round(shares):
                if position not in self.undecided:
                    yield self.lines[position]
        yield from (self.lines[position] for position in sorted(self.undecided))

    def _affordable(self) -> Mapping[int, float]:
        """Return by position for how long what is undecided is to run; nothing where no time is left that would help.

        It is run from the start, with the same draws.
        """
        shares: dict[int, float] = {}
        left = self._left
        for position in sorted(self.undecided, key=self._foreseen):
            left -= self._foreseen(position)
            if left < 0:
                break
            shares[position] = _MARGIN * self._foreseen(position)
        if self.undecided and not shares:
            # No verdict can be hoped for; but twice as many draws see smaller faults.
            even = min(self._left / len(self.undecided), self.settings.budget)
            shares = {position: even for position, work in self.undecided.items() if 2 * work < even}
        return dict(sorted(shares.items()))

    def _foreseen(self, position: int) -> float:
        """Return in how many seconds of work an undecided check may be expected to come to a conclusion.

        What is detectable falls as 1/√n, and a test ends where n has doubled.
        """
        ratio = (self.lines[position].detectable or math.inf) / self.settings.tolerance
        doublings = math.ceil(2 * math.log2(ratio)) if 1 < ratio < math.inf else 1
        return self.undecided[position] * 2**doublings

    def _round(self, shares: Mapping[int, float]) -> Iterator[int]:
        """Run checks, each for so many seconds of work at most, and give each position when its line is there."""
        found = side_by_side(self._timed, [*shares.items()], self.settings.jobs)
        for position, (line, work) in zip(shares, found, strict=True):
            before = self.lines.get(position)
            self.lines[position] = line if before is None else replace(line, seconds=line.seconds + before.seconds)
            self.undecided.pop(position, None)
            if self.checks[position].work:
                # What is asked once of each estimator takes what it takes, and no time of the tests of means.
                self._left -= work
            if line.verdict == "inconclusive" and line.detectable is not None and work > _USED * shares[position]:
                self.undecided[position] = work
            yield position

    def _timed(self, which: tuple[int, float]) -> tuple[Line, float]:
        """Return a check's line, and the seconds of work that it took."""
        (position, seconds), before = which, time.process_time()
        line = self.checks[position].run(self._level, self.settings.tolerance, seconds, self.settings.seed)
        return line, time.process_time() - before


def _unconfirmed(estimator: str, lines: list[Line]) -> Iterator[Line]:
    """Yield a line for an estimator that is declared biased and whose bias was seen nowhere."""
    verdicts = [line.verdict for line in lines]
    if "no bias seen" in verdicts and "biased, as declared" not in verdicts:
        detail = "it is declared biased, but no bias was seen on any task"
        yield Line(estimator, "declared bias", "not confirmed", detail=detail)
