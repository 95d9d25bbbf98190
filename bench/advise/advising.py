"""One run of `bench advise`: which estimators fit, the screening, the trainings, and what is known at any moment."""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from bench.advise.candidates import Candidate, Field, baseline, field_of
from bench.advise.finals import Finals
from bench.advise.places import places
from bench.advise.screen import Screening, TooShort
from bench.errors import UsageError
from bench.execution.pace import duration
from bench.names.spec import Spec

_TRAJECTORY: Final = 0.08
"""The share of the time for the common training."""

_SCREENING: Final = 0.55
"""The share after which the screening ends, if it has not before."""

_LATEST: Final = 0.75
"""The share after which nothing is measured any more that has not been begun."""

_REPORT: Final = 1.5
"""Seconds that are left for the report, at least, and as many for what is kept."""

_END: Final = 0.97
"""The share after which nothing is begun in any case."""

_BEST: Final = 3
"""How many of the best are trained."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        task: on which an estimator is looked for.
        named: the estimators that may be it.
        chosen: those of them that patterns have chosen.
        budget: seconds that the answer may take.
        evaluations: of log p(x, z) per datapoint that each gradient is to have; None for a number that fits the task.
        seed: of everything.
        keeps: whether what is found will be written into a results folder, which takes time.
    """

    task: Spec
    named: tuple[Spec, ...]
    chosen: frozenset[str]
    budget: float
    evaluations: int | None = None
    seed: int = 0
    keeps: bool = False


@final
class Advising:
    """Finds the answer; what it has found stays when it is interrupted.

    Attributes:
        question: what is asked.
        field: who fits; None while that is not known.
        screening: what was measured; None before it.
        trainer: who has trained the common parameters, or why nothing did.
        finals: what was trained; None before it.

    Args:
        begun: when the command was, by the clock.
        tell: is told what is done, in a few words.
        clock: tells the time.
    """

    def __init__(
        self,
        question: Question,
        tell: Callable[[str], None] = lambda message: None,
        begun: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.question, self._tell, self._clock = question, tell, clock
        self._begun = clock() if begun is None else begun
        self.field: Field | None = None
        self.screening: Screening | None = None
        self.finals: Finals | None = None
        self.trainer = ""

    @property
    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return self._clock() - self._begun

    def run(self) -> None:
        """Find the answer within the budget.

        Raises:
            UsageError: nothing fits, or the budget is too small to measure anything.
            DataUnavailable: the task's data are not there.
        """
        asked = self.question
        self._tell("looking who fits")
        self.field = field_of(asked.task, asked.named, asked.chosen, asked.evaluations, asked.seed)
        measured = self.field.of("ranked", "biased")
        self._require_time(self.seconds)
        with tempfile.TemporaryDirectory() as folder:
            there, self.trainer = places(
                measured[0].cell,
                self.field.data,
                Path(folder),
                _TRAJECTORY * asked.budget,
                self._clock,
                self._tell,
            )
        self.screening = Screening(there, measured, self.baseline.name, self.field.data, self._clock, self._tell)
        try:
            # Where much has gone by already, half of what is left.
            self.screening.run(self._begun + max(_SCREENING * asked.budget, (self.seconds + asked.budget) / 2))
        except TooShort:
            self._require_time(math.inf)
        if not self.best():
            self._require_time(math.inf)
        self.finals = Finals(self.contenders(), self.field.data, self._clock, self._tell)
        reserve = _REPORT * (2 if asked.keeps else 1)
        self.finals.run(self._begun + min(_END * asked.budget, asked.budget - reserve))

    def best(self) -> list[str]:
        """Return the competitors whose noise is known at the last place, that with the least first."""
        screening = self.screening
        if screening is None:
            return []
        step = screening.places[-1].step
        noises = {
            name: noise
            for name, entry in screening.entries.items()
            if screening.competes(entry) and (noise := entry.noise(step)) is not None
        }
        return sorted(noises, key=lambda name: (noises[name].work, noises[name].seconds))

    @property
    def baseline(self) -> Candidate:
        """Return the one that everybody knows."""
        assert self.field is not None
        return baseline(self.field.of("ranked"))

    def contenders(self) -> Sequence[Candidate]:
        """Return which estimators are trained: the best, and a well-known one."""
        assert self.field is not None
        names = dict.fromkeys([*self.best()[:_BEST], self.baseline.name])
        by_name = {one.name: one for one in self.field.candidates}
        return [by_name[name] for name in names]

    def _require_time(self, taken: float) -> None:
        """Raise where the budget does not suffice, given what has been taken of it before anything was measured."""
        budget = self.question.budget
        if taken < _LATEST * budget:
            return
        assert self.field is not None
        count = len(self.field.of("ranked", "biased"))
        # What was seen to take so long, and a second for each estimator to be looked at, twice as much with trainings.
        needed = 10 * math.ceil((2 * self.seconds + 2 * count) / 10)
        raise UsageError(
            f"--budget {budget:g} is too short to measure anything: {duration(self.seconds)} passed before a first "
            f"look at {count} estimators; give at least `--budget {needed}`, or name fewer with `--estimator`"
        )
