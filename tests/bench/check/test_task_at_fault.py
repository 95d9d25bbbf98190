"""What is wrong with somebody's own task is not put down to the estimators that are checked on it."""

import pytest

from bench.check.collect import collect
from bench.check.run import Settings, run_plan
from tests.bench.check.samples import Raises

OWN = "tests.bench.check.own_tasks:OwnToy"


def _verdicts(estimator: object, wrong: str) -> dict[str, set[str]]:
    """Return, by verdict, what was said."""
    plan = collect([estimator], [f"{OWN}(wrong={wrong})"])  # pyright: ignore[reportArgumentType]
    found: dict[str, set[str]] = {}
    for line in run_plan(plan, Settings(budget=4.0)):
        found.setdefault(line.verdict, set()).add(line.detail)
    return found


@pytest.mark.parametrize(
    ("estimator", "wrong", "words"),
    [
        ("reparam", "value", "seen with reinforce: K=1: "),
        ("reinforce", "value", "seen with reinforce: K=1: "),
        ("reparam", "shape", "exact: its shape for expectation is [1, 1], not [B] = [1]"),
        ("reparam", "model", "seen with reinforce: "),
        ("reparam", "load", "FileNotFoundError: rows.npz (own_tasks.py, line"),
    ],
)
def test_the_task_is_at_fault(estimator: str, wrong: str, words: str) -> None:
    found = _verdicts(estimator, wrong)
    assert {"biased", "violated"}.isdisjoint(found), found
    assert any(words in detail for detail in found["task at fault"]), found


def test_a_task_without_fault_has_none_and_a_broken_estimator_is_broken_there() -> None:
    assert {"task at fault", "biased", "violated"}.isdisjoint(_verdicts("reparam", "nothing"))
    broken = _verdicts(Raises, "nothing")
    assert "violated" in broken
    assert "task at fault" not in broken


def test_an_estimator_that_returns_something_else_is_told_what_to_return() -> None:
    plan = collect(["tests.bench.execution.returns:Returns(what=tuple)"], ["gaussian-quadratic"])
    lines = list(run_plan(plan, Settings(budget=4.0)))
    assert {line.verdict for line in lines} == {"violated"}
    must = "returned a tuple of 2; it must `return varbench.Estimate(objective, surrogate)`, two tensors [B] = ["
    assert all(must in line.detail for line in lines)
