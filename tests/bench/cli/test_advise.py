import json
import time
from typing import Any

import pytest

from bench.advise.screen import Screening
from tests.bench.cli.conftest import Bench

TASK = ("--task", "bernoulli-quadratic")
FEW = ("--estimator", "reinforce", "--estimator", "reinforce-loo", "--estimator", "straight-through")


def test_it_says_what_to_use_and_what_to_run_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    begun = time.monotonic()
    outcome = bench("advise", *TASK, *FEW, "--budget", "8", "--out", "R")
    assert time.monotonic() - begun < 1.1 * 8 + 5
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("bernoulli-quadratic: use reinforce-loo, K = 4")
    assert "straight-through" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "next: `bench run --task bernoulli-quadratic --estimator reinforce-loo --samples 4" in outcome.err
    table = bench("table", "R", "--format", "csv", "--what", "gradients")
    assert table.code == 0, table.err
    assert "reinforce-loo" in table.out
    assert bench("results", "validate", "R").code == 0


def test_json_has_all_of_it(bench: Bench) -> None:
    outcome = bench("advise", *TASK, *FEW, "--estimator", "evolution-strategies", "--budget", "8", "--format", "json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    assert found["best"][0] == "reinforce-loo"
    assert found["baseline"] == "reinforce"
    assert found["not_measured"] == [{"estimator": "evolution-strategies", "aim": "a target of its own"}]
    rows = {row["estimator"]: row for row in found["estimators"]}
    assert rows["straight-through"]["verdict"] == "biased"
    assert not rows["straight-through"]["declared_unbiased"]
    assert rows["straight-through"]["places"][-1]["relative_bias"]["low"] > 0
    ratio = rows["reinforce-loo"]["places"][-1]["times_less"]
    assert 1 < ratio["low"] <= ratio["value"] <= ratio["high"]
    assert found["seconds"] < 8 * 1.1 + 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "sbn-tyni"), "did you mean 'sbn-tiny'"),
        ((*TASK, "--estimator", "stl"), "stl"),
        ((*TASK, "--estimator", "straight-through"), "without a bias: straight-through (expectation)"),
        ((*TASK, "--budget", "soon"), "is not a duration"),
        ((*TASK, *FEW, "--budget", "0.01"), "too short to measure anything"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(bench: Bench, arguments: tuple[str, ...], said: str) -> None:
    outcome = bench("advise", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_an_interrupt_gives_what_is_known(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Screening._look_for_biases

    def interrupted(self: Screening) -> None:
        look(self)
        if self.looks == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Screening, "_look_for_biases", interrupted)
    outcome = bench("advise", *TASK, *FEW, "--budget", "20")
    assert outcome.code == 130
    assert "use reinforce-loo" in outcome.out
    assert "interrupted: this is what was known by then" in outcome.out
