"""A cell that continues from a checkpoint does so from all of it, or begins anew with the numbers of a fresh run."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch.utils._pytree import tree_flatten

from bench.errors import ResultsError
from bench.execution import checkpoint, kept
from bench.execution.cell import CellRun
from bench.execution.kept import keep
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Source, sources_of
from bench.machine.streams import seeded
from bench.measure import cost
from bench.names.registry import TASKS
from bench.results.aside import set_aside
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tables import load
from bench.settings import Cell, Measurement, Training
from bench.training.restoring import require_generators
from tests.bench.results.samples import cell
from tests.timed import TIMED

Content = dict[str, Any]


def toy(seed: int = 0) -> Cell:
    return cell(
        task="linear-gaussian",
        task_parameters={"dim": 2, "n": 24},
        estimator="reinforce-ema",
        estimator_parameters={},
        dtype="float64",
        training=Training(24, 6, "adam", 1e-2, 1e-2, "constant"),
        measurement=Measurement("own", 20, 20, 0.05, 2, 5),
        seed=seed,
    )


class Told:
    """A listener that remembers warnings, and cuts a run off at a step of training."""

    def __init__(self, until: float = float("inf")) -> None:
        self.until, self.warnings = until, list[str]()

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        if name == "train" and done >= self.until:
            raise KeyboardInterrupt

    def warn(self, message: str) -> None:
        if "fewer than 200 replicates" not in message:
            self.warnings.append(message)


@pytest.fixture(autouse=True, scope="module")
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all, so that as many replicates are drawn at once everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))
        patch.setattr(checkpoint, "_SECONDS", 0.0)
        yield


def alone(folder: Path, until: float = float("inf")) -> tuple[Record, list[str]]:
    told, one = Told(until), toy()
    data = TASKS.build(one.task_spec).load()
    record = run_alone(one, data, Store(folder), Making("now"), told, KnownReferences(), Source())
    return record, told.warnings


def together(cells: list[Cell], folder: Path, until: float = float("inf")) -> list[Record]:
    data, told = TASKS.build(cells[0].task_spec).load(), [Told(until) for _ in cells]
    return [*run_together(cells, data, Store(folder), Making("now"), told, KnownReferences(), sources_of(cells))]


def frames(folder: Path) -> list[pd.DataFrame]:
    """Return what was recorded, without clocks and notes."""
    results = load(folder)
    clocks = ["seconds", "seconds_per_step", "started", "run", "seeds_together", "notes"]
    timed = results.gradients["metric"].isin(TIMED)
    kept_rows = (results.gradients.loc[~timed], results.training, results.final)
    return [frame.drop(columns=clocks, errors="ignore").reset_index(drop=True) for frame in kept_rows]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> list[pd.DataFrame]:
    """What comes of the cell when nothing happens to it."""
    folder = tmp_path_factory.mktemp("fresh")
    alone(folder)
    return frames(folder)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of the cell, cut off at step 12."""
    folder = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(KeyboardInterrupt):
        alone(folder, until=13)
    return Store(folder).checkpoint_path(toy()).read_bytes()


def is_same(one: Content, other: Content) -> bool:
    (left, shape), (right, other_shape) = tree_flatten(one), tree_flatten(other)
    pairs = zip(left, right, strict=True)
    equal = (torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)
    return shape == other_shape and all(equal)


def restored(folder: Path) -> tuple[Content, list[str], list[str]]:
    """Return the state that training starts from, with the notes of its cell and what it warned of."""
    told, one = Told(), toy()
    data = TASKS.build(one.task_spec).load()
    run = CellRun(one, data, Store(folder), Making("now"), told, KnownReferences(), Source())
    with seeded(run.trainer.device, one.seed, "training"):
        run.restore()
        state = run.trainer.state()
    assert run.progress.measured == run.progress.gradients == []
    return state, run.progress.notes, told.warnings


def same(one: list[pd.DataFrame], other: list[pd.DataFrame], **how: Any) -> None:
    for left, right in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(left, right, **(how or {"check_exact": True}))


def place(folder: Path, data: bytes, of: Cell | None = None) -> Path:
    file = Store(folder).checkpoint_path(of or toy())
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    return file


def content_of(data: bytes, folder: Path) -> Content:
    (folder / "content").write_bytes(data)
    content = kept.kept(folder / "content")
    assert content is not None
    return content


def test_a_whole_checkpoint_is_continued(tmp_path: Path, interrupted: bytes, fresh: list[pd.DataFrame]) -> None:
    file = place(tmp_path / "R", interrupted)
    assert checkpoint.steps_taken(file) == 12
    record, warnings = alone(tmp_path / "R")
    assert not warnings
    assert not [note for note in record.notes if "checkpoint" in note]
    same(frames(tmp_path / "R"), fresh)
    assert not list(file.parent.glob("checkpoint*"))


def _without(*path: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for name in path[:-1]:
            content = content[name]
        del content[path[-1]]

    return change


def _with(value: Any, *path: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for name in path[:-1]:
            content = content[name]
        old = content[path[-1]]
        content[path[-1]] = value(old) if callable(value) else value

    return change


def _nan(old: torch.Tensor) -> torch.Tensor:
    return torch.full_like(old, torch.nan)


PARTS = ("task", "estimator", "optimizer", "batches", "generators", "progress", "rows", "objectives", "clipped")
LOC = ("trainer", "task", "guide.weight")
DAMAGED: dict[str, Callable[[Content], None]] = {
    **{f"no {part}": _without("trainer", part) for part in PARTS},
    "no trainer": _without("trainer"),
    "no progress of the cell": _without("progress"),
    "no moments measured": _with([], "progress", "gradients"),
    "rows lost": _with([], "trainer", "rows"),
    "a row without a column": _without("trainer", "rows", 0, "objective"),
    "a row of text": _with("1.5", "trainer", "rows", 0, "objective"),
    "empty optimizer": _with({}, "trainer", "optimizer", "state"),
    "Adam's moments too small": _with(lambda old: old.reshape(-1)[:1], "trainer", "optimizer", "state", 0, "exp_avg"),
    "Adam's moments too large": _with(lambda old: old.repeat(9, 9), "trainer", "optimizer", "state", 0, "exp_avg_sq"),
    "Adam's moments of another type": _with(torch.Tensor.half, "trainer", "optimizer", "state", 0, "exp_avg"),
    "Adam's moments not finite": _with(_nan, "trainer", "optimizer", "state", 0, "exp_avg"),
    "Adam's squares negative": _with(torch.neg, "trainer", "optimizer", "state", 0, "exp_avg_sq"),
    "Adam beyond the training": _with(lambda old: old + 1000, "trainer", "optimizer", "state", 0, "step"),
    "Adam of an unknown parameter": _with(lambda old: {**old, 99: old[0]}, "trainer", "optimizer", "state"),
    "another Adam": _with((0.5, 0.5), "trainer", "optimizer", "param_groups", 0, "betas"),
    "a parameter of another shape": _with(lambda old: old[:1], *LOC),
    "a parameter of another type": _with(torch.Tensor.float, *LOC),
    "a parameter that is not finite": _with(_nan, *LOC),
    "an unknown parameter": _with(lambda old: {**old, "more": torch.zeros(1)}, "trainer", "task"),
    "a generator that is none": _with(torch.zeros_like, "trainer", "generators", "cpu"),
    "an order with a row twice": _with(torch.zeros_like, "trainer", "batches", "order"),
    "another place in the order": _with(6, "trainer", "batches", "at"),
    "a step beyond the last": _with(1000, "trainer", "progress", "step"),
    "another step": _with(11, "trainer", "progress", "step"),
    "a negative time": _with(-1.0, "trainer", "progress", "seconds"),
    "no replicates at once": _with(0, "progress", "chunk"),
    "too many replicates at once": _with(lambda old: dict.fromkeys(old, 10**9), "progress", "chunks"),
    "an answer that is neither yes nor no": _with(1, "progress", "onednn"),
    "notes that are none": _with([1], "progress", "notes"),
    "another cell's": _with(lambda _: toy(1).id, "cell"),
    "another maker's": _with("0.0.1", "made", "varbench"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_one_that_lacks_or_alters_a_part_is_set_aside_and_nothing_of_it_taken(
    tmp_path: Path, interrupted: bytes, damage: str
) -> None:
    content = content_of(interrupted, tmp_path)
    DAMAGED[damage](content)
    file = place(tmp_path / "R", b"")
    keep(file, content)
    state, notes, (warning,) = restored(tmp_path / "R")
    assert warning.endswith("is now checkpoint.pt.corrupt-1: the cell started again")
    assert len(notes) == 1
    assert notes[0].startswith("its checkpoint was unusable")
    assert is_same(state, restored(tmp_path / "fresh")[0])
    # What was said outlives this process.
    assert restored(tmp_path / "R")[1:] == (notes, [])


def test_a_cell_that_begins_anew_ends_with_the_numbers_of_a_fresh_one(
    tmp_path: Path, interrupted: bytes, fresh: list[pd.DataFrame]
) -> None:
    content = content_of(interrupted, tmp_path)
    del content["trainer"]["optimizer"]
    file = place(tmp_path / "R", b"")
    keep(file, content)
    record, (_,) = alone(tmp_path / "R")
    assert record.notes[0].startswith("its checkpoint was unusable (optimizer is missing)")
    assert [left.name for left in file.parent.glob("checkpoint*")] == ["checkpoint.pt.corrupt-1"]
    same(frames(tmp_path / "R"), fresh)


def _archive(content: Any, folder: Path) -> bytes:
    torch.save(content, folder / "archive")
    return (folder / "archive").read_bytes()


@pytest.mark.parametrize("kind", ["cut short", "a bit flipped", "empty", "folder", "bare tensor", "of before"])
def test_one_that_is_no_checkpoint_is_set_aside(tmp_path: Path, interrupted: bytes, kind: str) -> None:
    flipped = bytearray(interrupted)
    flipped[len(flipped) // 2] ^= 1
    data = {
        "cut short": interrupted[:-100],
        "a bit flipped": bytes(flipped),
        "empty": b"",
        "folder": b"",
        "bare tensor": _archive(torch.zeros(3), tmp_path),
        "of before": _archive({"trainer": {}, "progress": {}}, tmp_path),
    }[kind]
    file = place(tmp_path / "R", data)
    if kind == "folder":
        file.unlink()
        (file / "more").mkdir(parents=True)
    state, _, (warning,) = restored(tmp_path / "R")
    assert str(file.parent) in warning
    assert is_same(state, restored(tmp_path / "fresh")[0])


def test_each_that_is_set_aside_keeps_a_name_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    names = []
    for text in ("one", "two"):
        file.write_text(text)
        names.append(set_aside(file))
    assert [name.read_text() for name in names] == ["one", "two"]


def test_every_bit_of_a_checkpoint_counts(tmp_path: Path, interrupted: bytes) -> None:
    file = tmp_path / "checkpoint.pt"
    for at in [*range(100), *range(100, len(interrupted), 97)]:
        flipped = bytearray(interrupted)
        flipped[at] ^= 1 << at % 8
        file.write_bytes(flipped)
        with pytest.raises(kept.Unfit):
            kept.kept(file)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_too_little_memory_is_no_fault_of_a_checkpoint(
    tmp_path: Path, interrupted: bytes, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    file = place(tmp_path / "R", interrupted)
    monkeypatch.setattr(torch, "load", full)
    with pytest.raises(type(error)):
        alone(tmp_path / "R")
    assert file.read_bytes() == interrupted


def test_one_that_cannot_be_opened_is_no_fault_of_the_cell(
    tmp_path: Path, interrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    file = place(tmp_path / "R", interrupted)
    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(ResultsError, match=r"cannot read .*checkpoint\.pt: Input/output error"):
        alone(tmp_path / "R")
    assert file.exists()


def test_a_seed_whose_checkpoint_is_no_good_is_trained_apart_from_those_that_got_further(tmp_path: Path) -> None:
    # Moments at the end only: the fewer are measured, the sooner the test is over.
    cells = [replace(toy(seed), measurement=Measurement("own", 20, 20, 0.05, 1, 5)) for seed in range(3)]
    together(cells, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        together(cells, tmp_path / "cut", until=13)
    file = Store(tmp_path / "cut").checkpoint_path(cells[0])
    content = copy.deepcopy(kept.kept(file))
    assert content is not None
    del content["trainer"]["optimizer"]
    keep(file, content)
    records = {record.cell.seed: record for record in together(cells, tmp_path / "cut")}
    assert {seed: record.final and record.final.steps for seed, record in records.items()} == dict.fromkeys(
        range(3), 24
    )
    assert {seed: record.final and record.final.seeds_together for seed, record in records.items()} == {
        0: 1,
        1: 2,
        2: 2,
    }
    assert any("started again" in note for note in records[0].notes)
    said = "trained up to step 12 with 3 seeds in one step, from there on with 2 seeds in one step"
    assert all(said in records[seed].notes for seed in (1, 2))
    # Beside others a sum may be rounded otherwise than alone.
    same(frames(tmp_path / "whole"), frames(tmp_path / "cut"), rtol=1e-9, atol=1e-9)


def test_seeds_in_one_step_that_are_finished_alone_say_so(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        together([toy(0), toy(1)], tmp_path, until=13)
    record, _ = alone(tmp_path)
    assert record.final is not None
    assert record.final.seeds_together == 1
    assert "trained up to step 12 with 2 seeds in one step, from there on with it alone" in record.notes


GONE = [torch.OutOfMemoryError("CUDA out of memory"), torch.AcceleratorError("CUDA error: unspecified launch failure")]


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_device_in_trouble_says_nothing_of_the_checkpoint(
    tmp_path: Path,
    interrupted: bytes,
    fresh: list[pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    file = place(tmp_path / "R", interrupted)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", fail)
        with pytest.raises(type(error)):
            alone(tmp_path / "R")
    assert file.read_bytes() == interrupted
    assert [one.name for one in file.parent.glob("checkpoint*")] == [file.name]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "Generator", fail)
        with pytest.raises(type(error)):
            require_generators({"cpu": torch.get_rng_state()})
    alone(tmp_path / "R")
    same(frames(tmp_path / "R"), fresh)
