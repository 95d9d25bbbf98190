"""An error of somebody's own code is said to be theirs, with its place; it is no bug of varbench."""

from collections.abc import Callable
from pathlib import Path

import pytest

import bench as varbench
from tests.bench.cli.conftest import Outcome

Bench = Callable[..., Outcome]

OWN = "tests.bench.execution.strangers"
RETURNS = "tests.bench.execution.returns"


@pytest.mark.parametrize(
    ("task", "estimator", "code", "words"),
    [
        ("load", None, 4, "cannot load its data: FileNotFoundError: weights.npz (strangers.py, line"),
        ("load, error=other", None, 2, "cannot load its data: KeyError: 'weights' (strangers.py, line"),
        ("nothing", None, 2, "returned NoneType; it must return tasks.base.Data"),
        ("constructor", None, 4, "cannot be built: FileNotFoundError: weights.npz (strangers.py, line"),
        ("constructor, error=other", None, 2, "cannot be built: KeyError: 'weights' (strangers.py, line"),
        ("initialise, error=other", None, 3, "failed: KeyError: 'weights' (strangers.py, line"),
        ("family", None, 2, "no functional draw is registered for Cauchy"),
        (None, "constructor", 2, "cannot be built: RuntimeError: no constructor (strangers.py, line"),
        (None, "require", 2, "fails when it is asked whether it fits gaussian-quadratic: RuntimeError: no require ("),
        (None, "estimate", 3, "failed: RuntimeError: no estimate (strangers.py, line"),
    ],
)
def test_an_error_of_ones_own_is_said_to_be_ones_own(
    bench: Bench, task: str | None, estimator: str | None, code: int, words: str
) -> None:
    tasks = ("--task", f"{OWN}:OwnTask(at={task})" if task else "gaussian-quadratic")
    outcome = bench(
        "run", *tasks, "--estimator", f"{OWN}:OwnEstimator(at={estimator})" if estimator else "reinforce", "--no-train"
    )
    assert outcome.code == code
    assert words in outcome.err
    assert "bug in varbench" not in outcome.err
    assert "Traceback" not in outcome.err


def test_without_test_data_that_is_what_is_said(bench: Bench) -> None:
    steps = ("--steps", "2", "--checkpoints", "1", "--replicates", "40")
    outcome = bench("run", "--task", f"{OWN}:Untested", "--estimator", "reparam", *steps)
    assert outcome.code == 0, outcome.err
    assert varbench.load("results").final.notes[0].endswith("the test set is empty: nothing is known about test data")


@pytest.mark.parametrize("steps", [("--steps", "5"), ("--no-train",)])
def test_nothing_is_trained_before_it_is_said(bench: Bench, steps: tuple[str, ...]) -> None:
    wrong = f"{RETURNS}:Returns(what=tuple)"
    outcome = bench("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--estimator", wrong, *steps)
    assert outcome.code == 2
    assert outcome.err.startswith(f"Error: `estimate` of estimator '{wrong}' returned a tuple of 2; it must `return")
    assert not Path("results").exists()


def test_a_task_that_lacks_a_reference_is_told_so_before_anything_is_trained(bench: Bench) -> None:
    several = ("run", "--task", f"{RETURNS}:Inexact", "--estimator", "reinforce", "--estimator", "reparam")
    outcome = bench(*several, "--steps", "5")
    assert outcome.code == 2
    assert 'write references = {"expectation": "reinforce"} in its class' in outcome.err
    assert not Path("results").exists()
    few = ("--replicates", "40")
    assert bench(*several, *few, "--steps", "5", "--checkpoints", "1", "--at", "own").code == 0
    assert bench(*several, *few, "--no-train").code == 0
