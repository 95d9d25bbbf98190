"""Every bug in the museum is caught, and its correct twin passes.

A twin is accused with probability at most 1e-3 in each run; seeds are fixed. How often a bug is caught over 200 seeds
is measured by `python -m tests.museum.power bugs`, and stands in docs/check.md.
"""

import pytest

from bench.check.collect import collect
from bench.check.run import Settings, run_plan
from bench.check.verdicts import Line
from tests.museum.exhibits import BIASED, VIOLATED, Exhibit


def check(estimator: str, tasks: tuple[str, ...]) -> list[Line]:
    return list(run_plan(collect([estimator], tasks), Settings(budget=15.0)))


def named(exhibits: tuple[Exhibit, ...]) -> list[object]:
    return [pytest.param(exhibit, id=exhibit.name) for exhibit in exhibits]


@pytest.mark.parametrize("exhibit", named(BIASED))
def test_bias_is_found(exhibit: Exhibit):
    assert "biased" in {line.verdict for line in check(exhibit.broken, exhibit.tasks)}


@pytest.mark.parametrize("exhibit", named(VIOLATED))
def test_broken_promise_is_found(exhibit: Exhibit):
    assert "violated" in {line.verdict for line in check(exhibit.broken, exhibit.tasks)}


@pytest.mark.parametrize(("twin", "tasks"), sorted({(exhibit.twin, exhibit.tasks) for exhibit in (*BIASED, *VIOLATED)}))
def test_correct_twin_passes(twin: str, tasks: tuple[str, ...]):
    lines = [line for line in check(twin, tasks) if line.estimator == twin]
    assert lines
    assert {line.verdict for line in lines} <= {"pass"}, lines


def test_a_task_whose_exact_answer_is_wrong():
    lines = check("reinforce-loo", ("tests.museum.two_bits:ScaledTwice",))
    assert "task at fault" in {line.verdict for line in lines}
    assert {line.verdict for line in check("reinforce-loo", ("tests.museum.two_bits:TwoBits",))} == {"pass"}
