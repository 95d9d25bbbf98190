"""What is said of a training or a measurement whose numbers are not finite, alone and among other seeds."""

import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bench.errors import CellsFailed
from bench.execution.companions import BatchSeeds
from bench.execution.invocation import Asked, execute
from bench.execution.plan import Request
from bench.measure import cost
from bench.names.spec import parse_spec
from bench.results.schema import Record
from bench.results.store import Store

STRANGERS = "tests.bench.execution.strangers"
BROKEN = "tests.bench.execution.broken:Broken"
SMALLER = "; a smaller --guide-lr or --model-lr may help"
INITIAL = "at the initial parameters"
ALL = "in 40 of 40 replicates"


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))


def ran(folder: Path, asked: Request, batch_seeds: BatchSeeds = "auto") -> list[Record]:
    # Without training, parameters that nothing can be measured at end the run with an error; what is recorded counts.
    with suppress(CellsFailed):
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
    assert {record.reason for record in records} == {f"the gradient in {letter} was not finite {ALL} {INITIAL}"}


def test_a_run_that_could_measure_nothing_exits_with_3(tmp_path: Path) -> None:
    with pytest.raises(CellsFailed) as raised:
        execute(request(f"{BROKEN}(what=guide)", 0), Asked(tmp_path, None, dry_run=False, plot=False))
    assert raised.value.exit_code == 3
    lines = str(raised.value).splitlines()
    assert lines[0] == "2 of 2 cells could not be measured at all steps asked for:"
    assert lines[1].endswith(f"nothing was measured at step 0: the gradient in φ was not finite {ALL} {INITIAL}")


@pytest.mark.parametrize("task", ["gaussian-quadratic", "vae-mnist(data=tiny)"])
def test_a_gradient_that_is_rarely_broken_is_counted(tmp_path: Path, task: str) -> None:
    """Of 2000 replicates some 20 are broken; that none of the first thousand is has a chance of 0.99¹⁰⁰⁰ = 4e-5."""
    asked = replace(request(task, 0), estimators=(parse_spec(f"{STRANGERS}:Rarely(share=0.01)"),), seeds=(0,))
    (record,) = ran(tmp_path, replace(asked, replicates=2000))
    assert record.status == "diverged"
    found = re.fullmatch(
        rf"the gradient in (φ|φ and θ) was not finite in (\d+) of (\d+) replicates {INITIAL}", record.reason or ""
    )
    assert found is not None, record.reason
    assert 1 <= int(found[2]) < int(found[3]) / 10


def test_a_broken_reference_is_named(tmp_path: Path) -> None:
    asked = replace(request("tests.bench.execution.strangers:RarelyKnown", 0), seeds=(0,))
    (record,) = ran(tmp_path, asked)
    assert (record.reason or "").startswith(
        f"of the reference, {STRANGERS}:Rarely(share=0.01), the gradient in φ and θ"
    )


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
    where = "at the first step of training" if steps == 3 else f"{ALL} {INITIAL}"
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


@pytest.mark.parametrize(
    ("task", "estimator", "size"),
    [
        ("gaussian-mixture(n=8)", "reinforce", {"model_lr": 1e9}),
        (f"{STRANGERS}:Validated", "reparam", {"guide_lr": 1e60}),
    ],
    ids=["one-hot", "validated"],
)
def test_a_training_that_runs_away_diverges_alone_as_among_others(
    tmp_path: Path, task: str, estimator: str, size: dict[str, float]
) -> None:
    """A family that checks its arguments refuses them once they are not finite; that is no failure of the cell."""
    asked = replace(request(task, 2000), estimators=(parse_spec(estimator),), **size)
    alone = {record.cell.seed: record for record in ran(tmp_path / "alone", asked, "off")}
    together = {record.cell.seed: record for record in ran(tmp_path / "together", asked, "on")}
    assert all(any("in one step" in note for note in record.notes) for record in together.values())
    assert alone.keys() == together.keys() == {0, 1}
    for seed, one in alone.items():
        assert (one.status, one.reason) == ("diverged", together[seed].reason)


def test_a_gradient_that_is_too_large_after_training_is_advised_smaller_steps(tmp_path: Path) -> None:
    for record in ran(tmp_path, request("gaussian-quadratic", 36, guide_lr=1e3)):
        assert record.reason is not None
        assert record.reason.endswith(f"too large to measure, at step 36 of its own training{SMALLER}")


def test_a_guide_that_leaves_the_numbers_of_its_dtype_in_training_says_so_once(tmp_path: Path) -> None:
    asked = replace(
        request("gamma-poisson", 60, checkpoints=2, guide_lr=3.0), seeds=(0,), optimizer="adam", batch_size=None
    )
    (record,) = ran(tmp_path, asked)
    said = [note for note in record.notes if note.startswith("site 'z' is, at step ")]
    assert len(said) == 1
    assert "of its own training, Gamma with concentration" in said[0]
    (record,) = ran(tmp_path / "short", replace(asked, guide_lr=1e-3))
    assert not any(note.startswith("site") for note in record.notes)
