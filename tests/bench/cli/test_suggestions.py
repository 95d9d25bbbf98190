"""Every command that a message suggests is run on the results that suggested it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.cli.conftest import Bench, Outcome

FEW = "--replicates 40 --evaluation-samples 5"
TRAINED = f"--steps 12 --checkpoints 2 {FEW}"
OUT = "--out 'my results'"
SOME = "--estimator reinforce --estimator reinforce-loo"
SEVERAL = f"run --task gaussian-quadratic {SOME} --samples 2,3 --no-train {FEW} {OUT}"
KINDS = {
    "a grid": f"run --task bernoulli-quadratic {SOME} --samples 2,3 {TRAINED} {OUT}",
    "many K": f"run --task gaussian-quadratic --estimator reinforce --samples 1,2,3 --no-train {FEW} {OUT}",
    "many tasks": "run --task gaussian-quadratic --task gaussian-cosine --task lecture-weights --estimator reinforce "
    f"--samples 2 --no-train {FEW} {OUT}",
    "one training": f"run --task sbn-tiny --estimator disarm {TRAINED}",
    "seeds": f"run --task gaussian-quadratic --estimator reparam --seeds 0-1 {TRAINED} {OUT}",
    "evidence": f"run --task gamma-weights --estimator naive-mc --samples 2 --no-train {FEW} {OUT}",
    "what diverged": "run --task gaussian-quadratic --estimator reinforce --optimizer sgd --guide-lr 1e6 --steps 200 "
    f"--checkpoints 2 {FEW} {OUT}",
    "a failure": "run --task gaussian-quadratic --estimator faulty:Broken --estimator reinforce "
    f"--no-train {FEW} {OUT}",
    "what is biased": f"run --task gaussian-quadratic --estimator faulty:Flipped --estimator reinforce "
    f"--no-train --replicates 400 {OUT}",
    "nothing but failures": f"run --task gaussian-quadratic --estimator faulty:Broken --no-train {FEW} {OUT}",
}
BROKEN = """
from estimators.base import Estimate, Estimator
from estimators.score_function.reinforce import Reinforce
class Broken(Estimator):
    targets = ('expectation',)
    formula = paper = 'none'
    def estimate(self, task, x, samples):
        raise RuntimeError('out of luck')
class Flipped(Reinforce):
    def estimate(self, task, x, samples):
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, -right.surrogate)
"""


def _suggested(outcome: Outcome) -> list[str]:
    """Return the commands between backticks in what was said, without those that have a NAME to be put in."""
    found = re.findall(r"`bench ([^`]+)`", outcome.err)
    return [command for command in dict.fromkeys(found) if not re.search(r"\b[A-Z]{2,}\b|--out$", command)]


@pytest.fixture
def told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run a command as a shell does, so that it is noted with its results."""
    Path("faulty.py").write_text(BROKEN)

    def run(line: str) -> Outcome:
        words = shlex.split(line)
        monkeypatch.setattr("sys.argv", ["bench", *words])
        return bench(*words)

    return run


def _all_suggested(told: Any, first: Outcome, folder: str) -> Iterator[tuple[str, Outcome]]:
    """Run what a command suggests, and `bench status`, and what these suggest."""
    lines = dict.fromkeys([*_suggested(first), f"status {shlex.quote(folder)}", f"table {shlex.quote(folder)}"])
    for line in list(lines):
        outcome = told(line)
        yield line, outcome
        for more in _suggested(outcome):
            if more not in lines:
                lines[more] = None
                yield more, told(more)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_suggested_works(told: Any, kind: str) -> None:
    first = told(KINDS[kind])
    fails = "failure" in kind
    assert first.code == (3 if fails else 0), first.err
    folder = "my results" if OUT in KINDS[kind] else "results"
    ran = 0
    for line, outcome in _all_suggested(told, first, folder):
        # Cells that fail, fail again, and `bench status` tells them; of nothing but failures there is no table.
        codes = {0} if not fails else {3} if line.startswith(("status", "run")) else {0, 5}
        if line.startswith("check"):
            # What is biased in a run is biased.
            codes = {1}
        assert outcome.code in codes, (line, outcome.err)
        assert "Traceback" not in outcome.err
        if folder != "results" and not line.startswith(("list", "check", "info")):
            assert folder in line
        ran += 1
    assert ran > 2
    assert ("is biased, but declared unbiased" in first.err) is (kind == "what is biased")


def test_what_was_interrupted_is_continued_as_it_says(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bench.execution.runner.run_alone", interrupt)
        assert told(f"{SEVERAL} --no-wait --rerun all").code == 130
    status = told("status 'my results'")
    assert "3 not begun, 1 interrupted" in status.out
    (again,) = _suggested(status)
    assert told(again).code == 0
    assert "4 done" in told("status 'my results'").out


def test_where_there_is_nothing_what_is_suggested_makes_something(told: Any) -> None:
    for line in ("status", "table", "plot variance", "list", "data list"):
        for command in _suggested(told(line)):
            assert told(f"{command} --dry-run" if command.startswith("run") else command).code == 0
