"""Which seeds are trained in one step, and what becomes of their cells."""

import gc
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from bench.execution import checkpoint, run_cells
from bench.execution import companions as grouping
from bench.execution.companions import at_the_same_step, companions
from bench.execution.limits import UNLIMITED, Limits
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Source, sources_of
from bench.measure import cost
from bench.names.registry import TASKS
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tables import load
from bench.settings import Cell, Measurement, Training
from bench.training.stack import Stack
from bench.training.trainer import Trainer
from tests.bench.results.samples import cell
from tests.timed import TIMED

TOY: dict[str, Any] = {
    "task": "linear-gaussian",
    "task_parameters": {"dim": 2, "n": 24},
    "estimator": "reinforce-ema",
    "estimator_parameters": {},
    "dtype": "float64",
    "training": Training(30, 6, "adam", 1e-2, 1e-2, "constant"),
    "measurement": Measurement("own", 40, 40, 0.05, 2, 5),
}


def toys(*seeds: int, **changes: Any) -> list[Cell]:
    return [cell(**{**TOY, **changes, "seed": seed}) for seed in seeds]


def seeds(groups: list[list[Cell]]) -> list[list[int]]:
    return [[one.seed for one in group] for group in groups]


def test_seeds_of_one_configuration_are_companions() -> None:
    other = toys(0, 1, samples=2)
    cells = [toys(0)[0], other[0], *toys(1, 2), other[1]]
    assert seeds(companions(cells, "auto")) == [[0, 1, 2], [0, 1]]
    assert seeds(companions(cells, "off")) == [[0], [0], [1], [2], [1]]


LARGE: dict[str, Any] = {
    "task": "vae-mnist",
    "task_parameters": {"data": "5k"},
    "dtype": "float32",
    "training": Training(30, 100, "adam", 1e-3, 1e-4, "constant"),
}


def test_large_steps_are_taken_together_on_a_gpu_only_or_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "onednn_pays", lambda task, rows: False)
    assert seeds(companions(toys(0, 1, **LARGE), "auto")) == [[0], [1]]
    assert seeds(companions(toys(0, 1, **LARGE), "on")) == [[0, 1]]
    assert seeds(companions(toys(0, 1, **LARGE, device="cuda"), "auto")) == [[0, 1]]


def test_where_onednn_multiplies_larger_steps_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """vae-mnist has 425 284 parameters: 43 million meetings with 100 rows, 213 million with five samples of each."""
    monkeypatch.setattr(grouping, "onednn_pays", lambda task, rows: rows >= 100)
    assert seeds(companions(toys(0, 1, **LARGE), "auto")) == [[0, 1]]
    assert seeds(companions(toys(0, 1, **LARGE, samples=5), "auto")) == [[0], [1]]


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [37, 13]), ("cuda", [50])])
def test_on_a_cpu_no_more_seeds_are_taken_together_than_memory_is_for(device: str, sizes: list[int]) -> None:
    groups = companions(toys(*range(50), **LARGE, device=device), "on")
    assert [len(group) for group in groups] == sizes
    assert [seed for group in seeds(groups) for seed in group] == [*range(50)]


def test_without_training_there_is_nothing_to_do_together() -> None:
    untrained = toys(0, 1, training=Training(0, 6, "adam", 1e-2, 1e-2, "constant"))
    assert seeds(companions(untrained, "on")) == [[0], [1]]


class Quiet:
    """A listener that can cut a run off at a step of training."""

    def __init__(self, until: float = float("inf")) -> None:
        self.until = until

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        if name == "train" and done >= self.until:
            raise KeyboardInterrupt

    def warn(self, message: str) -> None:
        # That few replicates are few is no surprise here.
        if "fewer than 200 replicates" not in message:
            pytest.fail(message)


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))


def run(cells: list[Cell], store: Store, until: float = float("inf")) -> list[Record]:
    data = TASKS.build(cells[0].task_spec).load()
    return [
        *run_together(
            cells, data, store, Making("now"), [Quiet(until) for _ in cells], KnownReferences(), sources_of(cells)
        )
    ]


def frames(folder: Path) -> list[pd.DataFrame]:
    """Return what was recorded, without clocks and what tells how it was trained."""
    results = load(folder)
    clocks = ["seconds", "seconds_per_step", "started", "run", "seeds_together", "notes"]
    timed = results.gradients["metric"].isin(TIMED)
    kept = (results.gradients.loc[~timed], results.training, results.final)
    return [frame.drop(columns=clocks, errors="ignore").reset_index(drop=True) for frame in kept]


def test_cells_trained_together_are_recorded_as_if_trained_alone(tmp_path: Path) -> None:
    cells = toys(0, 1)
    records = run(cells, Store(tmp_path / "together"))
    assert [record.cell for record in records] == cells
    for record in records:
        assert record.final is not None
        assert record.final.seeds_together == 2
        assert record.notes[-1] == "2 seeds trained in one step, and its time is shared among them"
    data = TASKS.build(cells[0].task_spec).load()
    for one in cells:
        alone = run_alone(one, data, Store(tmp_path / "alone"), Making("now"), Quiet(), KnownReferences(), Source())
        assert alone.final is not None
        assert alone.final.seeds_together == 1
    for left, right in zip(frames(tmp_path / "together"), frames(tmp_path / "alone"), strict=True):
        pd.testing.assert_frame_equal(left, right, rtol=1e-8, atol=1e-8)


def test_a_batched_run_that_is_cut_off_ends_with_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)
    cells = toys(0, 1)
    run(cells, Store(tmp_path / "whole"))
    store = Store(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        run(cells, store, until=17)
    assert seeds(at_the_same_step(cells, store)) == [[0, 1]]
    assert checkpoint.steps_taken(store.checkpoint_path(cells[0])) == 16
    run(cells, store)
    assert not list((tmp_path / "cut").rglob("checkpoint.pt"))
    for left, right in zip(frames(tmp_path / "whole"), frames(tmp_path / "cut"), strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_cells_that_got_differently_far_are_run_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)
    cells, store = toys(0, 1, 2), Store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(cells[1:2], store, until=9)
    assert seeds(at_the_same_step(cells, store)) == [[0, 2], [1]]


def test_one_seed_that_diverges_is_recorded_and_the_others_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = Stack.__init__

    def far(self: Stack, trainers: Any) -> None:
        with torch.no_grad():
            next(trainers[1].task.guide.parameters()).fill_(1e200)
        init(self, trainers)

    monkeypatch.setattr(Stack, "__init__", far)
    # Moments are measured at the end only: there the others are asked for them, and the diverged one is not.
    once = Measurement("own", 40, 40, 0.05, 1, 5)
    records = run(toys(0, 1, 2, measurement=once), Store(tmp_path))
    assert [record.status for record in records] == ["done", "diverged", "done"]
    assert records[1].final is not None
    assert records[1].final.diverged_at == 0
    assert records[0].final is not None
    assert records[0].final.test_elbo is not None


@pytest.mark.parametrize("how", ["done", "failed", "limited"])
def test_nothing_of_cells_that_are_done_with_is_kept_until_the_collector_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """On a GPU their memory would be missing where the next ones are run, or the same ones in halves."""
    left: list[weakref.ref[Any]] = []

    def followed(trainers: Any) -> Stack:
        together = Stack(trainers)
        left.extend(map(weakref.ref, (together, *trainers, *(one.task for one in trainers))))
        if how == "failed":
            monkeypatch.setattr(Trainer, "record", fail)
        return together

    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def ran(seeds: tuple[int, ...]) -> None:
        cells = toys(*seeds)
        data = TASKS.build(cells[0].task_spec).load()
        making = Making("now", limits=Limits(seconds=1e-9) if how == "limited" else UNLIMITED)
        try:
            told, known = [Quiet(), Quiet()], KnownReferences()
            list(run_together(cells, data, Store(tmp_path), making, told, known, sources_of(cells)))
        except torch.OutOfMemoryError:
            assert how == "failed"

    monkeypatch.setattr(run_cells, "Stack", followed)
    ran((0, 1))
    gc.collect()
    left.clear()
    gc.disable()
    try:
        ran((2, 3))
        assert len(left) == 5
        assert [one() for one in left if one() is not None] == []
    finally:
        gc.enable()
