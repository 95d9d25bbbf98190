"""Run a plan of checks at a false-alarm rate that holds for all of it together."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Final

import torch

from bench.check.clock import Clock
from bench.check.plan import Check, Plan
from bench.check.verdicts import FALSE_ALARM, Line
from bench.errors import BenchError

if TYPE_CHECKING:
    from multiprocessing.pool import IMapIterator

_GENEROSITY: Final = 6.0
_KEPT: Final = 0.5


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


def can_fork() -> bool:
    """Return whether checks can run side by side: where forks are safe, and no GPU's state would be forked."""
    return sys.platform == "linux" and not torch.cuda.is_available()


def run_plan(plan: Plan, settings: Settings) -> Iterator[Line]:
    """Yield the lines of a plan in its order as they come about, those that do not apply last.

    The level is divided by the number of tests (Bonferroni). Most cases are clear long before their time is over, so
    each may take a few times its share of what is left of the budget. Of one estimator's checks those on the smallest
    tasks come first.

    Raises:
        BenchError: the system ended a process.
    """
    orders = {
        name: sorted(range(len(checks)), key=lambda position, checks=checks: checks[position].work)
        for name, checks in plan.checks.items()
    }
    run = _Run([plan.checks[name][position] for name in orders for position in orders[name]], plan.tests, settings)
    found = _side_by_side(run) if settings.jobs > 1 else map(run.line, range(len(run.checks)))
    for estimator, order in orders.items():
        lines: dict[int, Line] = {}
        told: list[Line] = []
        for position in order:
            lines[position] = next(found)
            # In the plan's order, as soon as all before it are there.
            while (shown := len(told)) in lines:
                told.append(lines[shown])
                yield told[-1]
        yield from _unconfirmed(estimator, told)
    yield from plan.lines


class _Run:
    """Checks in order, with the level and the time that each may use.

    Time is shared by position, in seconds of work, and not by the clock on the wall. Half of its even share is kept for
    every check; what a check may use beyond that, up to a few even shares, is what those before it have left over. So
    no slow estimator takes the time of those behind it.
    """

    def __init__(self, checks: list[Check], tests: int, settings: Settings) -> None:
        self.checks = checks
        self.settings = settings
        self._level = settings.false_alarm / max(1, tests)
        self.start()

    def start(self) -> None:
        """Let the time run from now, in this process."""
        self._clock = Clock(self.settings.budget)

    def line(self, position: int) -> Line:
        """Run the check at a position, and return its line."""
        even = self.settings.budget * self.settings.jobs / len(self.checks)
        # Processes beside this one are taken to have worked as much.
        left = self._clock.left() * self.settings.jobs
        behind = len(self.checks) - position - 1
        share = max(_KEPT * even, min(_GENEROSITY * left / (behind + 1), left - _KEPT * even * behind))
        check, before = self.checks[position], time.process_time()
        line = check.run(self._level, self.settings.tolerance, share, self.settings.seed)
        if check.work == 0:
            # What is asked once of each estimator takes what it takes, and no time of the tests of means.
            self._clock.seconds += time.process_time() - before
        return line


def _side_by_side(run: _Run) -> Iterator[Line]:
    """Yield the lines of a run in order, several checks at a time; whoever stops iterating ends the processes."""
    others = set(multiprocessing.active_children())
    # A check holds functions that only a fork hands on.
    with multiprocessing.get_context("fork").Pool(run.settings.jobs, _adopt, (run,)) as pool:
        workers = set(multiprocessing.active_children()) - others
        lines = pool.imap(_adopted_line, range(len(run.checks)))
        for _ in run.checks:
            yield _next(lines, workers)


def _next(lines: "IMapIterator[Line]", workers: set[BaseProcess]) -> Line:
    """Return the next line; a pool would wait forever for that of a process that is gone."""
    while True:
        try:
            return lines.next(timeout=1.0)
        except multiprocessing.TimeoutError:
            if not all(worker.is_alive() for worker in workers):
                raise BenchError(
                    "the system ended a process of this check, perhaps for lack of memory: try `--jobs 1`"
                ) from None


_adopted: list[_Run] = []


def _adopt(run: _Run) -> None:
    """Take over a run in a forked process, which leaves Ctrl-C to its parent and has one core to itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    run.start()
    _adopted.append(run)


def _adopted_line(position: int) -> Line:
    return _adopted[-1].line(position)


def _unconfirmed(estimator: str, lines: list[Line]) -> Iterator[Line]:
    """Yield a line for an estimator that is declared biased and whose bias was seen nowhere."""
    verdicts = [line.verdict for line in lines]
    if "no bias seen" in verdicts and "biased, as declared" not in verdicts:
        detail = "it is declared biased, and no bias was seen on any task"
        yield Line(estimator, "declared bias", "not confirmed", detail=detail)
