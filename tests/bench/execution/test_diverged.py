"""What is said of a training or a measurement whose numbers are not finite, alone and among other seeds."""

from functools import partial
from pathlib import Path

import pytest

from bench.execution.companions import BatchSeeds
from bench.execution.invocation import Asked, execute
from bench.execution.plan import Request
from bench.measure import cost
from bench.names.spec import parse_spec
from bench.results.schema import Record
from bench.results.store import Store

BROKEN = "tests.bench.execution.broken:Broken"
SMALLER = "; a smaller --guide-lr or --model-lr may help"
INITIAL = "at the initial parameters"


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))


def ran(folder: Path, asked: Request, batch_seeds: BatchSeeds = "auto") -> list[Record]:
    execute(asked, Asked(folder, None, dry_run=False, plot=False, batch_seeds=batch_seeds))
    return list(Store(folder).records())


def request(task: str, steps: int, *, checkpoints: int = 1, guide_lr: float | None = None) -> Request:
    return Request(
        (parse_spec(task),),
        (parse_spec("reparam"),),
        seeds=(0, 1),
        steps=steps,
        batch_size=1,
        optimizer="sgd" if steps else None,
        guide_lr=guide_lr,
        checkpoints=checkpoints if steps else None,
        replicates=40,
        evaluation_samples=5,
    )


@pytest.mark.parametrize(("group", "letter"), [("guide", "φ"), ("model", "θ")])
def test_without_training_the_gradient_is_named_and_no_step_size_advised(
    tmp_path: Path, group: str, letter: str
) -> None:
    records = ran(tmp_path, request(f"{BROKEN}(what={group})", 0))
    assert [record.status for record in records] == ["diverged", "diverged"]
    assert {record.reason for record in records} == {f"the gradient in {letter} was not finite {INITIAL}"}


def test_a_gradient_too_large_to_measure_is_said_to_be_so(tmp_path: Path) -> None:
    for record in ran(tmp_path, request("gaussian-quadratic(k=1e120)", 0)):
        assert record.reason is not None
        assert record.reason.endswith(f"too large to measure, {INITIAL}")


@pytest.mark.parametrize("batch_seeds", ["on", "off"])
@pytest.mark.parametrize(("group", "letter"), [("guide", "φ"), ("model", "θ")])
@pytest.mark.parametrize("steps", [3, 400])
def test_training_that_starts_at_a_broken_gradient(
    tmp_path: Path, batch_seeds: BatchSeeds, group: str, letter: str, steps: int
) -> None:
    """In a long training several steps make a row, and the objective is seen to be NaN after the first."""
    records = ran(tmp_path, request(f"{BROKEN}(what={group})", steps), batch_seeds)
    where = "at the first step of training" if steps == 3 else INITIAL
    assert {record.reason for record in records} == {f"the gradient in {letter} was not finite {where}"}
    for record in records:
        assert record.final is not None
        assert record.final.diverged_at == 0


@pytest.mark.parametrize("batch_seeds", ["on", "off"])
def test_training_that_runs_away_is_advised_smaller_steps(tmp_path: Path, batch_seeds: BatchSeeds) -> None:
    for record in ran(tmp_path, request("gaussian-quadratic", 2000, guide_lr=1e3), batch_seeds):
        assert record.reason is not None
        assert record.final is not None
        assert record.reason == f"the objective was inf at step {record.final.diverged_at} of training{SMALLER}"


def test_a_gradient_that_is_too_large_after_training_is_advised_smaller_steps(tmp_path: Path) -> None:
    for record in ran(tmp_path, request("gaussian-quadratic", 36, guide_lr=1e3)):
        assert record.reason is not None
        assert record.reason.endswith(f"too large to measure, at step 36 of its own training{SMALLER}")
