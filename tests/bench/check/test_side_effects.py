"""What an estimator changes is its violation, and nobody else's trouble."""

import pytest

from bench.check.collect import collect
from bench.check.run import Settings, run_plan
from bench.check.verdicts import Line

_TASK = "linear-gaussian(dim=1, n=8, perturbation=0.3)"


def lines(*names: str) -> list[Line]:
    plan = collect([f"tests.museum.{name}" for name in names], [_TASK])
    return list(run_plan(plan, Settings(tolerance=0.5, budget=20.0)))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("MovesParameters", "'guide."),
        ("FreezesTheModel", "requires a gradient"),
        ("CentresObservations", "the observations x"),
        ("LeavesGradients", "the `.grad` of"),
    ],
)
def test_a_change_names_its_author_and_nobody_else(name: str, what: str):
    found = lines(f"side_effects:{name}", "side_effects:WorksOnACopy")
    author = f"tests.museum.side_effects:{name}"
    wrong = [line for line in found if line.negative]
    assert {line.estimator for line in wrong} == {author}
    assert any("side effect: it changes" in line.detail and what in line.detail for line in wrong), wrong
