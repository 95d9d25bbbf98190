"""What is claimed of a declared bias is tested."""

import pytest

from bench.check.collect import collect
from bench.check.gradient import GradientCheck
from bench.check.reach import ReachCheck
from bench.check.verdicts import Line

_TASK = "linear-gaussian(dim=1, n=8, perturbation=0.3)"


def line(name: str, kind: type) -> Line:
    plan = collect([f"tests.museum.biased:{name}"], [_TASK])
    check = next(check for checks in plan.checks.values() for check in checks if isinstance(check, kind))
    return check.run(2e-7, 0.5, 1.0, 0)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("SignHidden", GradientCheck, "the mean is -1 times as large"),
        ("FarTooLarge", GradientCheck, "the mean is 1"),
        ("Persisting", ReachCheck, "claimed to be O(1/K)"),
        ("NotTheSame", ReachCheck, "claimed to be that of reparam"),
    ],
)
def test_a_claim_that_does_not_hold_is_a_violation(name: str, kind: type, words: str):
    found = line(name, kind)
    assert found.verdict == "violated"
    assert words in found.detail, found.detail


@pytest.mark.parametrize("name", ["Shrunk", "Vanishing", "SameAsReparam"])
def test_a_claim_that_holds_passes(name: str):
    assert line(name, GradientCheck).verdict in ("biased, as declared", "no bias seen")
    found = line(name, ReachCheck)
    assert found.verdict == "pass", found.detail
