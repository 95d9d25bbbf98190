"""From what was asked for to a plan of checks."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bench.check.estimators import estimator_subjects
from bench.check.plan import (
    NO_VARIANT,
    Plan,
    make_plan,
    make_points,
    registered_estimators,
    registered_tasks,
    without,
)
from bench.check.points import Subject, task_subjects
from bench.check.verdicts import Line
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.names.spec import Spec
from estimators.base import Estimator
from tasks.base import Task
from tasks.data import DataUnavailable


def collect(
    estimators: "Sequence[Spec | str | type[Estimator] | Estimator]" = (),
    tasks: "Sequence[Spec | str | type[Task]]" = (),
    jobs: int = 1,
) -> Plan:
    """Return the checks of the given estimators on the given tasks; none given means every registered one.

    Args:
        estimators: names, classes or instances.
        tasks: names or classes.
        jobs: estimators at a time whose checks are looked for, each in a process of its own.

    Raises:
        UsageError: something that is named does not exist, does not import, or is given a wrong parameter. What is only
            registered is reported in the plan instead, and skipped.
    """
    if estimators:
        subjects, lines = [subject for estimator in estimators for subject in estimator_subjects(estimator)], []
        _require_built(subjects)
    else:
        subjects, lines = registered_estimators()
    where, unchecked = _tasks(tasks) if tasks else registered_tasks()
    points, unavailable = make_points(where)
    return make_plan(subjects, points, [*lines, *unchecked, *unavailable], jobs)


def _tasks(tasks: "Sequence[Spec | str | type[Task]]") -> tuple[list[Subject[Task]], list[Line]]:
    subjects: list[Subject[Task]] = []
    lines: list[Line] = []
    for task in tasks:
        found = _variants(task) if isinstance(task, type) else task_subjects(task)
        subjects += found
        _require_built(found)
        if not found:
            lines.append(without(task.__name__ if isinstance(task, type) else str(task), NO_VARIANT))
    return subjects, lines


def _require_built(subjects: Sequence[Subject[Any]]) -> None:
    """Build each once: what was named and refuses its own parameters ends the command, and is no line of a report."""
    for subject in subjects:
        # Data that are missing here are no mistake in what was named.
        with suppress(DataUnavailable), seeded(CPU, "probe"):
            subject.build()


def _variants(task: type[Task]) -> list[Subject[Task]]:
    return [
        Subject(str(Spec(task.__name__, dict(values))), lambda values=values: task(**values)) for values in task.checked
    ]
