"""Classes and instances name what a cell builds, or are refused in a sentence."""

import copy
from typing import Any

import pytest

from bench.api.specs import spec_text
from bench.errors import UsageError
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec, parse_spec
from estimators.base import Estimator
from estimators.combined.hybrid import Hybrid
from estimators.score_function.reinforce_ema import ReinforceEMA
from tests.bench.measure.estimators import Branching


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("reinforce-ema(decay=0.5)", "reinforce-ema(decay=0.5)"),
        (ReinforceEMA, "reinforce-ema"),
        (ReinforceEMA(0.5), "reinforce-ema(decay=0.5)"),
        (Hybrid(z2="reparam", cls="nvil"), "hybrid(z2=reparam, cls=nvil)"),
        (Branching, "tests.bench.measure.estimators:Branching"),
        (Branching(), "tests.bench.measure.estimators:Branching"),
    ],
)
def test_what_is_given_is_named(given: Any, text: str) -> None:
    assert spec_text(ESTIMATORS, given) == text


@pytest.mark.parametrize("name", ["ppca(guide=shared)", "gaussian-quadratic(k=2)", "bernoulli-quadratic"])
def test_a_task_comes_back_as_itself(name: str) -> None:
    spec = parse_spec(name)
    assert parse_spec(spec_text(TASKS, copy.deepcopy(TASKS.build(spec)))) == Spec(spec.name, TASKS.parameters(spec))


class Shaped(Estimator):
    def __init__(self, shape: Any) -> None:
        super().__init__()

    def estimate(self, task: Any, x: Any, samples: int) -> Any: ...


def test_what_cannot_be_built_again_is_refused() -> None:
    class Local(Estimator):
        def estimate(self, task: Any, x: Any, samples: int) -> Any: ...

    noted = type("Noted", (Estimator,), {"__module__": "__main__", "estimate": Local.estimate})
    for given, message in (
        (Local, "is defined inside a function or a class"),
        (noted, "put it into a file, such as mine.py, and give 'mine:Noted'"),
        (Shaped((2, 3)), "Shaped was built with a tuple as 'shape'"),
        (5, "an estimator is given as a string"),
    ):
        with pytest.raises(UsageError, match=message):
            spec_text(ESTIMATORS, given)
