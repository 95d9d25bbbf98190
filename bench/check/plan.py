"""What a run of checks consists of, and what does not apply, with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bench.check.declarations import DeclarationCheck
from bench.check.dependence import DependenceCheck
from bench.check.estimators import estimator_subjects
from bench.check.gradient import GradientCheck, claimed
from bench.check.orderings import ORDERINGS, OrderingCheck
from bench.check.points import Point, Subject, TaskAtFault, first_line, task_subjects
from bench.check.processes import side_by_side
from bench.check.reach import ReachCheck
from bench.check.side_effects import changes
from bench.check.sites import fits, fitting_sites
from bench.check.variances import KNOWN, VarianceCheck
from bench.check.verdicts import Line
from bench.errors import BenchError, UsageError
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from bench.names.strangers import said
from estimators.base import Estimator, Unfit
from tasks.base import Task
from tasks.data import DataUnavailable

NO_VARIANT: Final = "it has no small variant; another task of its kind is checked"

_SAMPLES = 3
"""K beside the fewest possible: with two samples, the mean over the others is the other, and mistakes coincide."""


class Check(Protocol):
    """One line of a report that is still to be worked out."""

    @property
    def subject(self) -> str:
        """What the line calls it."""
        ...

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run."""
        ...

    @property
    def work(self) -> int:
        """How much there is to do, about; checks of an estimator with less of it are run before those with more."""
        ...

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict, given the false-alarm probability of each test and about `seconds`."""
        ...


@dataclass(frozen=True)
class Plan:
    """Checks to run, by estimator, and lines that say why others are not."""

    checks: dict[str, list[Check]]
    lines: list[Line]

    @property
    def tests(self) -> int:
        """The number of tests that share the level of the run."""
        return sum(check.tests for checks in self.checks.values() for check in checks)


def make_plan(
    estimators: Sequence[Subject[Estimator]], points: Sequence[Point], lines: Sequence[Line] = (), jobs: int = 1
) -> Plan:
    """Return the checks of each estimator at each point that it fits, and lines for the points that it does not."""
    plan = Plan({}, list(lines))
    found = side_by_side(lambda which: _applicable(estimators[which], points), range(len(estimators)), jobs)
    for subject, applicable in zip(estimators, found, strict=True):
        if isinstance(applicable, Line):
            plan.lines.append(applicable)
            continue
        checks: list[Check] = []
        for point, samples in zip(points, applicable, strict=True):
            if isinstance(samples, Line):
                plan.lines.append(samples)
                continue
            checks.append(GradientCheck(subject, point, samples))
            if len(checks) == 1:
                checks.append(DeclarationCheck(subject, point, samples[-1]))
        if checks:
            plan.checks[subject.name] = checks + _elsewhere(subject, subject.build()) + _variances(subject.name)
    return plan


def _applicable(subject: Subject[Estimator], points: Sequence[Point]) -> list[tuple[int, ...] | Line] | Line:
    """Return, of each point, the numbers of samples to check an estimator with, or a line that says why there are none.

    One line where it cannot be made.
    """
    try:
        estimator = subject.build()
    except BenchError as error:
        return Line(subject.name, "every task", "not applicable", detail=str(error))
    return [_applicable_at(point, subject.name, estimator) for point in points]


def _applicable_at(point: Point, name: str, estimator: Estimator) -> tuple[int, ...] | Line:
    try:
        own = point.copied()
        found = _fitting_samples(estimator, own)
    except TaskAtFault as fault:
        return Line(name, point.name, "task at fault", detail=str(fault))
    except Exception as error:
        # A refusal is an Unfit with a reason; anything else would end a run with a traceback.
        detail = f"it refuses with {first_line(error)}; require() must raise Unfit, with the reason"
        return Line(name, point.name, "violated", detail=detail)
    changed = "; ".join(map(str, changes(own, point)))
    if changed:
        return Line(name, point.name, "violated", detail=f"in require(): {changed}")
    return Line(name, point.name, "not applicable", detail=found) if isinstance(found, str) else found


def _elsewhere(subject: Subject[Estimator], estimator: Estimator) -> list[Check]:
    try:
        sites = tuple(fitting_sites(estimator))
    except Exception:
        # It refuses by another error than Unfit, which is said of the points.
        return []
    return [DependenceCheck(subject, sites), ReachCheck(subject, sites)] if sites else []


def _variances(estimator: str) -> list[Check]:
    known = [o for o in ORDERINGS if o.less == estimator and {o.less, o.more} <= set(ESTIMATORS.entries)]
    variances = [VarianceCheck(known) for known in KNOWN if known.estimator == estimator]
    return [*(OrderingCheck(ordering) for ordering in known), *variances]


def _fitting_samples(estimator: Estimator, point: Point) -> tuple[int, ...] | str:
    """Return the numbers of samples to check at a point, or why there are none.

    They are the fewest and, of `_SAMPLES`, twice the fewest (samples may come in groups) and 2, the first that will do.
    """
    fewest = estimator.minimum_samples
    try:
        estimator.require(point.task, point.x, fewest)
    except Unfit as reason:
        return str(reason)
    if not bool(claimed(estimator, point).any()):
        return f"φ follows an aim of its own, {point.name} has no θ, and the objective is declared biased"
    more = [samples for samples in (_SAMPLES, 2 * fewest, 2) if samples > fewest]
    chosen = [fewest] if point.has_exact(estimator, fewest) else []
    chosen += [samples for samples in more if _has_exact_mean(estimator, point, samples)][:1]
    return tuple(chosen) or f"{point.name} has no exact value of the target {estimator.target(point.task)}"


def _has_exact_mean(estimator: Estimator, point: Point, samples: int) -> bool:
    """Return whether an estimator can be run with K = `samples`, and what its mean should be is known."""
    return fits(estimator, point, samples) and point.has_exact(estimator, samples)


def make_points(tasks: Sequence[Subject[Task]]) -> tuple[list[Point], list[Line]]:
    """Return the points of the tasks that have exact answers and data, and a line for each of the others."""
    points: list[Point] = []
    lines: list[Line] = []
    for subject in tasks:
        try:
            points.append(Point(subject))
        except (BenchError, DataUnavailable) as error:
            lines.append(without(subject.name, first_line(error)))
        except TaskAtFault as fault:
            lines.append(Line("every estimator", subject.name, "task at fault", detail=str(fault)))
        except Exception as error:
            # A stranger's task may raise anything; that it does is the finding.
            lines.append(Line("every estimator", subject.name, "task at fault", detail=said(error)))
    return points, lines


def registered_tasks() -> tuple[list[Subject[Task]], list[Line]]:
    """Return the small variants of every registered task with exact answers, and a line for each of the others."""
    subjects: list[Subject[Task]] = []
    lines: list[Line] = []
    for name in TASKS.everything():
        try:
            exact = TASKS.load(name).has_exact
            found = task_subjects(Spec(name)) if exact else []
        except UsageError as error:
            lines.append(without(name, str(error)))
        else:
            subjects += found
            if not found:
                lines.append(without(name, NO_VARIANT if exact else "it has no exact answers"))
    return subjects, lines


def registered_estimators() -> tuple[list[Subject[Estimator]], list[Line]]:
    """Return the checked configurations of every registered estimator, and a line for each that cannot be made."""
    subjects: list[Subject[Estimator]] = []
    lines: list[Line] = []
    for name in ESTIMATORS.everything():
        try:
            subjects += estimator_subjects(Spec(name))
        except UsageError as error:
            lines.append(Line(name, "every task", "not applicable", detail=str(error)))
    return subjects, lines


def without(task: str, reason: str) -> Line:
    """Return the line of a task that nothing is checked on."""
    return Line("every estimator", task, "not applicable", detail=reason)
