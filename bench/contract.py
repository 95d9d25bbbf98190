"""The checks of `bench check` as pytest tests, for estimators and tasks of any package.

A suite with a test for every task that an estimator fits takes three lines:

    from varbench import estimator_contract

    test_mine = estimator_contract("mypackage.mymodule:MyEstimator")

and one that compares a task's exact answers with every registered estimator that claims to be unbiased:

    from varbench import task_contract

    test_my_task = task_contract("mypackage.mymodule:MyTask")

If nothing in a suite can be checked, it has a case that fails. An inconclusive check is a warning, or with `strict` a
failure.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.check.collect import collect
from bench.check.coverage import inconclusive, judged
from bench.check.plan import Check, Plan
from bench.check.run import Settings, run_plan
from bench.check.verdicts import FALSE_ALARM, Line
from bench.names.spec import Spec
from estimators.base import Estimator
from tasks.base import Task

AnyEstimator = str | Spec | type[Estimator] | Estimator
AnyTask = str | Spec | type[Task]

_SECONDS_PER_TEST = 20.0


def check_estimator(
    estimator: AnyEstimator,
    tasks: Sequence[AnyTask] = (),
    *,
    seed: int = 0,
    tolerance: float = 0.1,
    budget: float = 60.0,
    strict: bool = False,
) -> list[Line]:
    """Check an estimator; fail the running test if it is biased or breaks what it declares, or if nothing was judged.

    Args:
        estimator: a registered name, `module:Class`, a class, or an instance.
        tasks: registered names, `module:Class` or classes; none means every registered task.
        seed: of the draws.
        tolerance: the relative bias that a pass excludes with 99% power.
        budget: approximate seconds.
        strict: whether an inconclusive check is a failure, not just a warning.

    Returns:
        The outcome, line by line.

    >>> from varbench import check_estimator
    >>> lines = check_estimator("reparam", ["gaussian-quadratic"])
    >>> [line.verdict for line in lines if line.subject == "gaussian-quadratic"]
    ['pass', ...
    """
    return _checked(collect([estimator], tasks), Settings(seed, tolerance, budget), strict)


def check_task(
    task: AnyTask,
    estimators: Sequence[AnyEstimator] = (),
    *,
    seed: int = 0,
    tolerance: float = 0.1,
    budget: float = 60.0,
    strict: bool = False,
) -> list[Line]:
    """Check a task's exact answers with estimators that are known to be correct.

    The running test fails if one of them disagrees, or if nothing was judged.

    Args:
        task: a registered name, `module:Class` or a class.
        estimators: as for `check_estimator`; none means every registered one.
        seed: of the draws.
        tolerance: the relative bias that a pass excludes with 99% power.
        budget: approximate seconds.
        strict: whether an inconclusive check is a failure, not just a warning.

    Returns:
        The outcome, line by line.

    >>> from varbench import check_task
    >>> lines = check_task("gaussian-quadratic", ["reparam"])
    >>> [line.verdict for line in lines if line.estimator == "reparam"]
    ['pass', ...
    """
    return _checked(collect(estimators, [task]), Settings(seed, tolerance, budget), strict)


def estimator_contract(
    estimator: AnyEstimator,
    tasks: Sequence[AnyTask] = (),
    *,
    seed: int = 0,
    tolerance: float = 0.1,
    strict: bool = False,
) -> Callable[..., None]:
    """Return a pytest test with a case for each task that the estimator fits, and one for what it declares.

    The false-alarm probability holds for all cases together. If nothing can be checked, a single case says so and
    fails. An inconclusive check is a warning; with `strict` it fails.

    In a test file, pytest finds and runs it by its name:

    >>> from varbench import estimator_contract
    >>> test_reparam = estimator_contract("reparam", ["gaussian-quadratic"])
    """
    return _contract(collect([estimator], tasks), seed, tolerance, strict)


def task_contract(
    task: AnyTask,
    estimators: Sequence[AnyEstimator] = (),
    *,
    seed: int = 0,
    tolerance: float = 0.1,
    strict: bool = False,
) -> Callable[..., None]:
    """Return a pytest test with a case for each estimator that fits the task; see `estimator_contract`.

    In a test file, pytest finds and runs it by its name:

    >>> from varbench import task_contract
    >>> test_quadratic = task_contract("gaussian-quadratic", ["reparam", "reinforce"])
    """
    return _contract(collect(estimators, [task]), seed, tolerance, strict)


def _contract(plan: Plan, seed: int, tolerance: float, strict: bool) -> Callable[..., None]:
    cases = [
        pytest.param(check, id=f"{name}: {check.subject}") for name, checks in plan.checks.items() for check in checks
    ]
    cases += [
        pytest.param(None, id=f"{line.estimator}: {line.subject}", marks=pytest.mark.skip(reason=line.detail))
        for line in plan.lines
        if not line.negative
    ]
    cases += [pytest.param(line, id=f"{line.estimator}: {line.subject}") for line in plan.lines if line.negative]
    if all(case.marks for case in cases):
        cases.append(pytest.param(None, id="nothing could be checked"))
    level = FALSE_ALARM / max(1, plan.tests)

    @pytest.mark.parametrize("check", cases)
    def test_contract(check: Any) -> None:
        if check is None:
            pytest.fail(_nothing(plan.lines), pytrace=False)
        _tell([check if isinstance(check, Line) else _run(check, level, seed, tolerance)], strict)

    return test_contract


def _run(check: Check, level: float, seed: int, tolerance: float) -> Line:
    return check.run(level, tolerance, _SECONDS_PER_TEST, seed)


def _checked(plan: Plan, settings: Settings, strict: bool) -> list[Line]:
    lines = list(run_plan(plan, settings))
    _tell(lines, strict)
    if not judged(lines):
        pytest.fail(_nothing(lines), pytrace=False)
    return lines


def _tell(lines: Sequence[Line], strict: bool) -> None:
    """Fail the running test for what is wrong, and warn of what is inconclusive, or fail for that, too."""
    open_ = inconclusive(lines)
    wrong = [line for line in lines if line.negative] + (open_ if strict else [])
    if wrong:
        pytest.fail("\n".join(map(_describe, wrong)), pytrace=False)
    for line in open_:
        warnings.warn(_describe(line), stacklevel=3)


def _nothing(lines: Sequence[Line]) -> str:
    """Return that nothing was judged, and why."""
    return "\n".join(["nothing could be checked:", *map(_describe, lines)])


def _describe(line: Line) -> str:
    return f"{line.estimator} on {line.subject}: {line.verdict}: {line.detail}"
