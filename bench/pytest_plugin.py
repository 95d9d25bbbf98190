"""What pytest gets where varbench is installed: the fixtures `check_estimator` and `check_task`.

pytest imports this in every session, so nothing heavy is imported until a fixture is used. For a suite with a test per
task, see `bench.contract`.
"""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def check_estimator() -> Callable[..., Any]:
    """Return `bench.contract.check_estimator`: fails the test where an estimator is biased or breaks its word."""
    from bench.contract import check_estimator

    return check_estimator


@pytest.fixture(scope="session")
def check_task() -> Callable[..., Any]:
    """Return `bench.contract.check_task`: fails the test where trusted estimators contradict a task's exact answers."""
    from bench.contract import check_task

    return check_task
