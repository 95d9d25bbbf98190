"""A latent site without event axes, [K, B], is one like any other: the mean gradient is the exact one.

A right estimator is accused with probability 1e-6 in each test (`tests.gradients.FALSE_ALARM`).
"""

import pytest

import estimators
from estimators.base import Unfit
from tasks.base import Task
from tests.estimators.exactness import misses
from tests.estimators.test_contract import LOOPS, build
from tests.estimators.tiny import Bits, ScalarBit


def _exact(name: str, task: Task, samples: int) -> bool:
    """Return whether an estimator fits the task, and says to be unbiased for a target that the task knows."""
    estimator, x = build(name), task.load().train
    try:
        estimator.require(task, x, samples)
    except Unfit:
        return False
    return estimator.unbiased and estimator.exact(task, x, samples) is not None


@pytest.mark.parametrize(
    ("name", "task"),
    [
        pytest.param(name, task, id=f"{name} {kind}")
        for kind, task in {"one bit": ScalarBit(), "chained": Bits(chained=True, event=())}.items()
        for name in estimators.INDEX
        if name not in LOOPS and _exact(name, task, 3)
    ],
)
def test_mean_is_exact(name: str, task: Task):
    estimator = build(name)
    estimator.prepare(task, task.load().train)
    assert not misses(estimator.double(), task, samples=3, count=4_000)
