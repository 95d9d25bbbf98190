"""`bench reproduce` as a user meets it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.reproduce import RECIPES, lecture_evidence
from bench.results.store import Store
from tests.bench.cli.conftest import Outcome
from tests.bench.results.samples import record

Bench = Callable[..., Outcome]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lecture-evidence with one request: the bound at three K, and 400 replicates."""
    recipe = lecture_evidence.RECIPE
    of_bound = dataclasses.replace(recipe.quick[1], samples=(2, 4, 8), replicates=400)
    naive = dataclasses.replace(recipe.quick[0], samples=(4, 8, 16), replicates=400)
    monkeypatch.setattr(lecture_evidence, "RECIPE", dataclasses.replace(recipe, quick=(naive, of_bound)))


def test_the_recipes_are_listed(bench: Bench) -> None:
    for arguments in ([], ["--list"]):
        outcome = bench("reproduce", *arguments)
        assert outcome.code == 0
        assert [line.split()[0] for line in outcome.out.splitlines()] == list(RECIPES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rainforth"], "there is no recipe 'rainforth'; did you mean 'rainforth-2018'"),
        (["relax-toy", "--style", "nips"], "there is no style 'nips'"),
        (["relax-toy", "--format", "jpg"], "'jpg' is not one of"),
    ],
)
def test_errors_are_one_sentence(bench: Bench, arguments: list[str], message: str) -> None:
    outcome = bench("reproduce", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_dry_run_runs_nothing(bench: Bench) -> None:
    outcome = bench("reproduce", "relax-toy", "--quick", "--dry-run")
    assert outcome.code == 0
    assert "12 of 12 cells would run" in outcome.out
    assert not Path("results").exists()


@pytest.mark.usefixtures("tiny")
def test_tables_and_figure_are_made_and_found_again(bench: Bench) -> None:
    words = ("reproduce", "lecture-evidence", "--quick", "--format", "svg", "--data", "--out", "here")
    first = bench(*words)
    assert first.code == 0, first.err
    for word in ("problem 1", "Shortened by --quick", "bias, theory", "6 cells, 400 replicates", "as K → ∞"):
        assert word in first.out
    assert Path("here/figures/lecture-evidence.svg").exists()
    assert Path("here/figures/lecture-evidence.csv").exists()
    again = bench(*words)
    assert again.out == first.out
    assert again.err.count("done already") == 6


@pytest.mark.usefixtures("tiny")
def test_failed_cells_end_it_with_their_code(bench: Bench) -> None:
    from bench.reproduce import find
    from bench.reproduce.run import plan_of

    [cell, *_] = plan_of(find("lecture-evidence").quick, "cpu").cells
    for each in plan_of(find("lecture-evidence").quick, "cpu").cells:
        Store(Path("my results")).write(record(each, status="failed" if each == cell else "done", reason="no"))
    outcome = bench("reproduce", "lecture-evidence", "--quick", "--out", "my results")
    assert outcome.code == 3
    assert "1 of 6 cells of lecture-evidence failed" in outcome.err
    assert "`bench status --out 'my results'`" in outcome.err
