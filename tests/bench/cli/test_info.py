"""`bench info`: every estimator says what it is, and by which command it is tried out."""

import json
import shlex
from collections.abc import Callable

import pytest

import tasks
from estimators import INDEX
from tests.bench.cli.conftest import Outcome

Bench = Callable[..., Outcome]


@pytest.mark.parametrize("name", INDEX)
def test_an_estimator_says_what_it_is_and_its_example_runs(bench: Bench, name: str) -> None:
    shown = bench("info", name)
    assert shown.code == 0, shown.err
    for field in ("gradient", "paper", "target", "bias", "latents", "samples", "cost", "parameters"):
        assert f"\n  {field}" in shown.out
    program, *words = shlex.split(shown.out.rpartition("example: ")[2])
    assert program == "bench"
    planned = bench(*words, "--dry-run")
    assert planned.code == 0, planned.err
    assert "1 of 1 cells would run" in planned.out


def test_what_a_default_parameter_decides_is_shown(bench: Bench) -> None:
    assert "K ≥ 2" in bench("info", "miwae").out


@pytest.mark.parametrize(
    ("task", "reference"),
    [
        ("linear-gaussian", "exact where it exists, else Monte Carlo by dreg (of iwae), else none"),
        ("gaussian-quadratic", "exact where it exists, else none"),
        ("vae-mnist", "exact where it exists, else Monte Carlo by reparam (of elbo), dreg (of iwae), else none"),
    ],
)
def test_a_task_says_what_bias_is_measured_against(bench: Bench, task: str, reference: str) -> None:
    assert f" reference {reference} training " in " ".join(bench("info", task).out.split())


@pytest.mark.parametrize("name", [*INDEX, *tasks.INDEX])
def test_what_is_shown_fits_the_terminal(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = bench("info", name).out
    # What cannot be broken: the name of a class, choices of a parameter, a command.
    broken = [line for line in shown.splitlines()[1:] if not line.startswith(("    ", "example: "))]
    assert max(map(len, broken)) <= 80
    monkeypatch.setenv("COLUMNS", "200")
    assert " ".join(bench("info", name).out.split()) == " ".join(shown.split())


def test_json_has_what_is_shown(bench: Bench) -> None:
    content = json.loads(bench("info", "vimco", "--format", "json").out)
    assert (content["name"], content["kind"], content["samples"]) == ("vimco", "estimator", "K ≥ 2")
    assert content["parameters"][0]["default"] == "geometric"
    listed = json.loads(bench("list", "--format", "json").out)
    assert "vimco" in [one["name"] for one in listed["estimators"]]
