"""What shows only elsewhere, or in a second instance, is found there and nowhere else; the right twins pass."""

import pytest

from bench.check.collect import collect
from bench.check.dependence import DependenceCheck
from bench.check.reach import ReachCheck
from bench.check.run import Settings, run_plan
from bench.check.verdicts import Line

_TASK = "linear-gaussian(dim=1, n=8, perturbation=0.3)"


def elsewhere(name: str, kind: type) -> Line:
    """Return what one of the two checks says of an estimator of the museum, at the level of a run of 5000 tests."""
    plan = collect([f"tests.museum.hidden:{name}"], [_TASK])
    (check,) = (check for checks in plan.checks.values() for check in checks if isinstance(check, kind))
    return check.run(2e-7, 0.1, 1.0, 0)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("WrongForManySamples", "K = 8"),
        ("WrongForManyRows", "B = 51"),
        ("Clipped", "1000 log p"),
        ("OverflowingBound", "log p − 1000"),
        ("WornOut", "after 1000 calls of observe"),
    ],
)
def test_where_it_looks(name: str, where: str):
    line = elsewhere(name, ReachCheck)
    assert line.verdict == "violated"
    assert where in line.detail, line.detail


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BaselineOutsideBuffers", "same state_dict"),
        ("NumpyNoise", "the same seed gives a different draw"),
        ("OwnGenerator", "the same seed gives a different draw"),
        ("AlternatingSign", "the same seed gives a different draw"),
        ("SharedNoise", "random numbers"),
    ],
)
def test_what_it_depends_on(name: str, words: str):
    line = elsewhere(name, DependenceCheck)
    assert line.verdict == "violated"
    assert words in line.detail, line.detail


@pytest.mark.parametrize("name", ["WrongForManySamples", "WrongForManyRows", "Clipped", "BaselineOutsideBuffers"])
def test_the_other_checks_do_not_find_them(name: str):
    plan = collect([f"tests.museum.hidden:{name}"], [_TASK])
    others = {
        key: [check for check in checks if not isinstance(check, ReachCheck | DependenceCheck)]
        for key, checks in plan.checks.items()
    }
    plan.checks.update(others)
    assert {line.verdict for line in run_plan(plan, Settings(tolerance=0.5))} == {"pass"}


@pytest.mark.parametrize("name", ["StableBound", "Baseline", "TorchNoise"])
def test_right_twins_pass(name: str):
    for kind in (ReachCheck, DependenceCheck):
        line = elsewhere(name, kind)
        assert line.verdict == "pass", line.detail
