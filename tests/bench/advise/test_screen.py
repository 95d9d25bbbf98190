"""The screening on bits whose variances are known exactly, at the point of `bench check`."""

import time

import pytest

from bench.advise.asking import question
from bench.advise.candidates import Field, baseline, field_of
from bench.advise.places import Place
from bench.advise.screen import Screening
from bench.check.points import Point, task_subjects
from bench.check.variances import KNOWN
from bench.measure.reference import exact_reference
from bench.names.consent import name_modules
from bench.names.spec import parse_spec

TASK = "bernoulli-quadratic(dim=3)"
PLUGINS = "tests.bench.advise.samples"
SECONDS = 4.0


def asked(*names: str, evaluations: int = 2) -> Field:
    name_modules([PLUGINS])
    one = question(parse_spec(TASK), [parse_spec(name) for name in names], 60.0, evaluations, 0)
    return field_of(one.task, one.named, one.chosen, one.evaluations, one.seed)


def screened(field: Field, seconds: float = SECONDS) -> Screening:
    """Screen at the parameters that exact variances are of, where all gradients take equally long."""
    (subject,) = task_subjects(TASK)
    point = Point(subject)
    x = point.x[:1]
    place = Place(0, point.task, x, exact_reference(point.task, point.task.target, x, 1), None)
    candidates = field.of("ranked", "biased")
    screening = Screening(
        [place], candidates, baseline(field.of("ranked")).name, field.data, time.monotonic, lambda message: None
    )
    screening.run(time.monotonic() + seconds)
    for entry in screening.entries.values():
        entry.laps = [1.0] * len(entry.laps)
    return screening


@pytest.fixture(scope="module")
def screening() -> Screening:
    return screened(asked("reinforce", "arm", "disarm", "bitflip", f"{PLUGINS}:Noisy", f"{PLUGINS}:Shrunk"))


def test_variances_are_the_exact_ones(screening: Screening) -> None:
    (subject,) = task_subjects(TASK)
    point = Point(subject)
    exact = {
        one.estimator: one.exact(point.task, point.x[:1]) for one in KNOWN if one.task == TASK and one.samples == 1
    }
    found = {name: screening.entries[name].noise(0) for name in ("arm", "disarm", "bitflip")}
    for name, noise in found.items():
        assert noise is not None
        # Five standard errors: once in a million, for errors that are normal.
        assert abs(noise.variance.value - exact[name]) < 5 * max(noise.variance.se, 1e-3 * exact[name])


def test_the_order_is_that_of_the_exact_variances(screening: Screening) -> None:
    found = screening.standing(0)
    assert found is not None
    assert found.leader in ("disarm", "bitflip")
    assert f"{PLUGINS}:Noisy" in found.worse
    assert "reinforce" in found.worse


def test_what_is_noisy_on_purpose_is_unbiased_and_last(screening: Screening) -> None:
    noisy = f"{PLUGINS}:Noisy"
    assert screening.competes(screening.entries[noisy])
    works = {
        name: noise.work
        for name, entry in screening.entries.items()
        if screening.competes(entry) and (noise := entry.noise(0)) is not None
    }
    assert max(works, key=lambda name: works[name]) == noisy


def test_a_bias_that_is_not_declared_is_seen_and_takes_the_rank(screening: Screening) -> None:
    shrunk = screening.entries[f"{PLUGINS}:Shrunk"]
    assert shrunk.candidate.role == "ranked"
    assert shrunk.seen
    assert shrunk.biases[0].low <= 0.9 <= shrunk.biases[0].high
    assert not screening.competes(shrunk)
    assert [name for name, entry in screening.entries.items() if entry.seen] == [f"{PLUGINS}:Shrunk"]


def test_who_is_clearly_worse_stops_early(screening: Screening) -> None:
    noisy, best = (screening.entries[name].gauges[0].replicates for name in (f"{PLUGINS}:Noisy", "disarm"))
    assert noisy < best


def test_one_that_fails_leaves_the_others_alone() -> None:
    found = screened(asked("reinforce", f"{PLUGINS}:Endless", f"{PLUGINS}:Noisy"), 2.0)
    assert found.entries[f"{PLUGINS}:Endless"].failed == "its gradient is not finite"
    assert found.entries["reinforce"].noise(0) is not None


def test_time_is_kept() -> None:
    begun = time.monotonic()
    field = asked("reinforce", "arm", "disarm", "bitflip")
    planned = time.monotonic()
    screened(field, 1.0)
    # A first look is taken whole; the rest may overrun by a batch.
    assert time.monotonic() - planned < 1.0 + 4 + (planned - begun)


def test_who_enumerates_has_no_variance() -> None:
    found = screened(asked("enumerate", "reinforce"), 2.0)
    assert found.noiseless(0) == ["enumerate"]
    standing = found.standing(0)
    assert standing is not None
    assert standing.leader == "reinforce"


def test_evaluations_are_matched() -> None:
    field = asked("reinforce", "disarm", "rebar", "enumerate", evaluations=4)
    assert {one.name: (one.cell.samples, one.evaluations) for one in field.candidates} == {
        "reinforce": (4, 4.0),
        "disarm": (2, 4.0),
        "rebar": (1, 3.0),
        "enumerate": (1, 8.0),
    }
