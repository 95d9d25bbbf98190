"""One estimator on one task: is the mean gradient the exact one, and does one estimate keep to the protocol?"""

import time
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from bench.check.bias import wrong_sign_or_size
from bench.check.clock import Clock
from bench.check.deviations import Deviations
from bench.check.draws import Draws
from bench.check.estimators import estimator_subject, settled
from bench.check.points import Exact, Point, Subject, first_line
from bench.check.protocol import broken_properties
from bench.check.sequential import RAREST, Outcome, sequential_test
from bench.check.side_effects import changes
from bench.check.tiled import tiled
from bench.check.verdicts import Line, Verdict, Violation, worst
from bench.machine.streams import seeded
from bench.results.digits import apart, number
from estimators.base import Estimator

_PILOT: Final = 256
_FAR: Final = 1e6
_WITNESSES: Final = {"expectation": "reinforce", "elbo": "reinforce", "iwae": "iwae-reinforce"}
"""By target, the estimators by which a task is told from what is checked on it."""


@dataclass(frozen=True)
class GradientCheck:
    """Tests the gradient of `estimator` at `point` for each K of `samples`, against its declared target."""

    estimator: Subject[Estimator]
    point: Point
    samples: tuple[int, ...]

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run."""
        return 3 * len(self.samples)

    @property
    def work(self) -> int:
        """The numbers in an estimate: coordinates of the gradient, and log weights."""
        return sum(self.point.groups.values()) + max(self.samples) * len(self.point.x)

    @property
    def subject(self) -> str:
        """What a line of the report calls it."""
        return self.point.name

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict.

        Args:
            level: the false-alarm probability of each test.
            tolerance: the relative bias that a `pass` excludes.
            seconds: for all of it, about.
            seed: of the draws.
        """
        line = self._line(level, tolerance, seconds, seed)
        fault = self.fault(line, level, tolerance, seconds, seed)
        return line if fault is None else replace(line, verdict="task at fault", detail=fault)

    def fault(self, line: Line, level: float, tolerance: float, seconds: float, seed: int) -> str | None:
        """Return what is wrong with a user's own task, if `line` is negative and one of our estimators fails, too.

        That one needs no more than draws of the guide and what the model returns there.
        """
        if not line.negative or self.point.ours:
            return None
        estimator = self.estimator.build()
        name = None if estimator.own_target else _WITNESSES.get(estimator.target(self.point.task))
        if name is None:
            return None
        witness = line
        if self.estimator.name != name or self.subject != line.subject:
            check = GradientCheck(estimator_subject(name), self.point, self.samples)
            witness = check._line(level, tolerance, seconds, seed)
        return f"seen with {name}: {witness.detail}" if witness.negative else None

    def _line(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        start, clock = time.perf_counter(), Clock(seconds)
        results: list[_Result] = []
        try:
            for position, samples in enumerate(self.samples):
                # An exact value that is worked out for the first time may take all of it.
                share = max(clock.left() / (len(self.samples) - position), seconds / (2 * len(self.samples)))
                # On a copy, so that nobody changes what others are checked on.
                own = replace(self, point=self.point.copied())
                result = own._at(samples, level, tolerance, share, seed)
                changed = list(changes(own.point, self.point))
                results.append(_Result("violated", _at_samples(samples, changed), None) if changed else result)
        except Exception as error:
            # Whatever a stranger's code raises on a task that it has accepted is its violation, and not ours.
            results.append(_Result("violated", f"failed on a task that it accepts: {first_line(error)}", None))
        outcomes = [result.outcome for result in results if result.outcome is not None]
        verdict = worst([result.verdict for result in results])
        return Line(
            estimator=self.estimator.name,
            subject=self.subject,
            verdict=verdict,
            samples=self.samples,
            detectable=max((outcome.detectable for outcome in outcomes), default=None),
            replicates=sum(outcome.replicates for outcome in outcomes) or None,
            seconds=time.perf_counter() - start,
            waited=any(outcome.waited for outcome in outcomes),
            detail=next(result.detail for result in results if result.verdict == verdict),
        )

    def _at(self, samples: int, level: float, tolerance: float, seconds: float, seed: int) -> "_Result":
        device = self.point.x.device
        with seeded(device, seed, "check", self.estimator.name, self.point.name, samples):
            estimator = settled(self.estimator, self.point, samples)
            exact = self.point.exact(estimator, samples)
            draws = Draws(self.point.task, estimator, self.point.x, samples)
            violations = broken_properties(draws, level)
            if violations:
                return _Result("violated", _at_samples(samples, violations), None)
            outcome = self._test(draws, exact, level, tolerance, seconds)
            if not estimator.unbiased:
                tested = claimed(estimator, self.point)
                wrong = list(wrong_sign_or_size(draws, self.point, exact, tested, level / 2))
                if wrong:
                    return _Result("violated", _at_samples(samples, wrong), outcome)
        return self._conclude(estimator, draws, exact, outcome)

    def _test(self, draws: Draws, exact: Exact, level: float, tolerance: float, seconds: float) -> Outcome:
        pilot, each = draws.draw(_PILOT), 1
        if draws.reason is not None:
            draws, each = tiled(draws, self.point)
        pilot, tested = pilot.to(exact.gradient), claimed(draws.estimator, self.point)

        def fresh() -> Deviations:
            return Deviations(exact, pilot, tested, torch.Generator().manual_seed(0))

        # Nobody is accused of a bias that is declared: an event that is rare may be missed.
        rarest = RAREST if draws.estimator.unbiased else 1.0
        return sequential_test(draws.draw, fresh, scales(self.point, exact), level, tolerance, seconds, rarest, each)

    def _conclude(self, estimator: Estimator, draws: Draws, exact: Exact, outcome: Outcome) -> "_Result":
        notes = [] if draws.reason is None else [f"drawn one by one, since vmap failed: {draws.reason}"]
        if outcome.alarm is not None:
            notes.insert(0, f"K={draws.samples}: {describe(self.point, exact, outcome)}")
        if outcome.verdict == "off":
            verdict: Verdict = "biased" if estimator.unbiased else "biased, as declared"
        elif outcome.verdict == "clear":
            verdict = "pass" if estimator.unbiased else "no bias seen"
        else:
            verdict = "inconclusive"
            if outcome.alarm is not None:
                notes.insert(0, "an alarm was not confirmed")
            elif outcome.waited:
                notes.insert(0, "the machine was busy: otherwise the test would have continued")
        return _Result(verdict, "; ".join(notes), outcome)


def claimed(estimator: Estimator, point: Point) -> Tensor:
    """Return whose mean an estimator claims: of the coordinates of φ and θ, and of the objective, [P + 1]."""
    sizes = point.groups
    tested = torch.ones(sizes["guide"] + sizes["model"] + 1, dtype=torch.bool)
    tested[: sizes["guide"]] = estimator.trains_guide and estimator.guide_follows_target
    tested[-1] = estimator.unbiased
    return tested


def scales(point: Point, exact: Exact) -> Tensor:
    """Return what a bias is relative to: the norm of a coordinate's group, φ or θ, and the objective, [P + 1]."""
    found = torch.empty_like(exact.gradient)
    start = 0
    for size in point.groups.values():
        part = exact.gradient[start : start + size].norm()
        whole = exact.gradient.norm()
        found[start : start + size] = part if part > 0 else whole if whole > 0 else 1.0
        start += size
    return torch.cat([found, found.new_tensor([max(1.0, abs(exact.value))])])


def describe(point: Point, exact: Exact, outcome: Outcome) -> str:
    """Return where a mean is off, and by how much."""
    alarm = outcome.alarm
    assert alarm is not None
    size = len(exact.row)
    error = abs(alarm.statistic)
    off = f"{error:.0f} standard errors" if error < _FAR else "without any variance"
    if alarm.direction < size:
        name, value = point.names[alarm.direction], float(exact.row[alarm.direction])
        if alarm.not_finite:
            return f"{name}: {alarm.not_finite}"
        found, expected = apart(value + alarm.shift, value)
        text = f"{name} is {found}, not {expected} ({off})"
    elif alarm.direction == size:
        text = f"off by {number(alarm.shift)} along the exact gradient ({off})"
    else:
        text = f"off along a random projection ({off})"
    return text + ("" if alarm.direction == size - 1 else f"; relative bias {outcome.relative_bias:.2g}")


@dataclass(frozen=True)
class _Result:
    """What came out for one K."""

    verdict: Verdict
    detail: str
    outcome: Outcome | None


def _at_samples(samples: int, violations: list[Violation]) -> str:
    return "; ".join(f"K={samples}: {violation}" for violation in violations)
