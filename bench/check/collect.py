"""From what was asked for to a plan of checks."""

from collections.abc import Sequence

from bench.check.estimators import estimator_subjects
from bench.check.plan import Plan, make_plan, make_points, registered_estimators, registered_tasks
from bench.check.points import Subject, task_subjects
from bench.check.verdicts import Line
from bench.spec import Spec
from estimators.base import Estimator
from tasks.base import Task


def collect(
    estimators: "Sequence[Spec | str | type[Estimator] | Estimator]" = (),
    tasks: "Sequence[Spec | str | type[Task]]" = (),
) -> Plan:
    """Return the checks of the given estimators on the given tasks; none given means every registered one.

    Raises:
        UsageError: something that is named does not exist, does not import, or is given a wrong parameter. What is only
            registered is reported in the plan instead, and skipped.
    """
    if estimators:
        subjects, lines = [subject for estimator in estimators for subject in estimator_subjects(estimator)], []
    else:
        subjects, lines = registered_estimators()
    where, without = _tasks(tasks) if tasks else registered_tasks()
    points, unavailable = make_points(where)
    return make_plan(subjects, points, [*lines, *without, *unavailable])


def _tasks(tasks: "Sequence[Spec | str | type[Task]]") -> tuple[list[Subject[Task]], list[Line]]:
    subjects: list[Subject[Task]] = []
    for task in tasks:
        if isinstance(task, type):
            subjects += [
                Subject(str(Spec(task.__name__, dict(values))), lambda task=task, values=values: task(**values))
                for values in task.checked
            ]
        else:
            subjects += task_subjects(task)
    return subjects, []
