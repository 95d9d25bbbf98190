"""What pytest gets where varbench is installed: the fixtures `check_estimator` and `check_task`.

pytest imports this in every session, those of projects that have nothing to do with varbench included. So nothing of it
is imported, nor a name of its packages taken, until a fixture is used.
"""

from collections.abc import Callable
from typing import Any

import pytest

from varbench.ours import Shadowed, claim


@pytest.fixture(scope="session")
def check_estimator() -> Callable[..., Any]:
    """Return `varbench.check_estimator`: fails the test where an estimator is biased or breaks its word."""
    _claim()
    from bench.contract import check_estimator

    return check_estimator


@pytest.fixture(scope="session")
def check_task() -> Callable[..., Any]:
    """Return `varbench.check_task`: fails the test where trusted estimators contradict a task's exact answers."""
    _claim()
    from bench.contract import check_task

    return check_task


def _claim() -> None:
    try:
        claim()
    except Shadowed as error:
        pytest.fail(str(error), pytrace=False)
