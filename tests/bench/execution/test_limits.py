"""Cells that a limit stops: what is recorded of them, and that they go on to the numbers of cells that were not."""

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from bench.evaluation.bounds import Bounds, evaluate_bounds
from bench.execution import checkpoint, final
from bench.execution.checkpoint import Checkpoint, steps_taken
from bench.execution.code import code
from bench.execution.job import Due, Job, Terms, run_job
from bench.execution.limits import Limits
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.recall import GOES_ON, recall
from bench.execution.relay import About, Event
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Source, sources_of
from bench.machine.info import hardware
from bench.measure import cost
from bench.measure.replicates import Replicator
from bench.names.registry import TASKS
from bench.results.schema import Limit, Record
from bench.results.store import Store
from bench.settings import Cell
from bench.training.stack import Stack
from tests.bench.execution.test_together import Quiet, frames, toys
from tests.bench.results.samples import limited

WAYS = ["alone", "together"]
MINUTE = Limits(seconds=60.0)
Until = Callable[[str, float], bool]


class Clock:
    """What cells have taken: nothing at first, and more than a minute once they tell a listener what it waits for."""

    def __init__(self) -> None:
        self.now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(Checkpoint, "seconds", lambda _: clock.now)
    return clock


def hasten(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(cache))
    monkeypatch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))
    monkeypatch.setattr("bench.measure.chunk.fastest_chunk", lambda *_: 20)


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(tmp_path / "cache", monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the results of seeds that nothing has stopped, by the way in which they were trained."""
    folders = {way: tmp_path_factory.mktemp(way) for way in WAYS}
    with pytest.MonkeyPatch.context() as monkeypatch:
        hasten(tmp_path_factory.mktemp("cache"), monkeypatch)
        for way, folder in folders.items():
            run(way, folder, Limits(), Clock(), never, toys(0, 1))
    return folders


class Slow:
    """A listener during whose waiting a minute passes."""

    def __init__(self, clock: Clock, until: Until) -> None:
        self._clock, self._until = clock, until

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        if self._until(name, done):
            self._clock.now = 61.5

    def warn(self, message: str) -> None:
        pass


def run(way: str, folder: Path, limits: Limits, clock: Clock, until: Until, cells: list[Cell]) -> list[Record]:
    clock.now = 0.0
    data, store, making = TASKS.build(cells[0].task_spec).load(), Store(folder), Making("now", limits=limits)
    heard = [Slow(clock, until) for _ in cells]
    if way == "together":
        return [*run_together(cells, data, store, making, heard, KnownReferences(), sources_of(cells))]
    records = []
    for one, listener in zip(cells, heard, strict=True):
        clock.now = 0.0
        records.append(run_alone(one, data, store, making, listener, KnownReferences(), Source()))
    return records


def never(name: str, done: float) -> bool:
    return False


def same(one: Path, other: Path) -> None:
    for left, right in zip(frames(one), frames(other), strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    notes = [[record.notes for record in Store(folder).records()] for folder in (one, other)]
    assert notes[0] == notes[1]


PLACES: dict[str, tuple[Until, str, int, list[int]]] = {
    "training": (lambda name, done: name == "train" and done == 7, "step 7 of 30, in training", 7, [0]),
    "first measurement": (lambda name, done: name == "measure", "step 0 of 30, while measuring", 0, []),
    "last measurement": (
        lambda name, done: name == "measure" and 2 < done < 3,
        "step 30 of 30, while measuring",
        30,
        [0, 10],
    ),
    "evaluation": (
        lambda name, done: name == "evaluate" and done < 1,
        "step 30 of 30, while evaluating",
        30,
        [0, 10, 30],
    ),
}
"""By its name where a minute is over: for whom that waits, how a record calls it, and what was reached by then."""


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an evaluation tell how far it is before it is over."""

    def told(*arguments: Any) -> Bounds:
        arguments[-1](0.5)
        return evaluate_bounds(*arguments)

    monkeypatch.setattr(final, "evaluate_bounds", told)


@pytest.mark.usefixtures("halves")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_what_was_reached_is_recorded_and_gone_on_from(
    tmp_path: Path, whole: dict[str, Path], clock: Clock, way: str, place: str
) -> None:
    until, where, step, measured = PLACES[place]
    cells, store = toys(0, 1), Store(tmp_path / "cut")
    records = run(way, store.folder, MINUTE, clock, until, cells)
    assert [record.cell for record in records] == cells
    for record in records:
        assert store.read(record.cell) == record
        assert (record.status, record.limit, record.final) == ("limited", Limit("time", 61.5), None)
        assert record.reason == f"time limit of 60 s reached at {where}"
        assert sorted({row.step for row in record.gradients}) == measured
        assert [row.step for row in record.training] == [*range(1, step + 1)]
        assert steps_taken(store.checkpoint_path(record.cell)) == step
    assert [record.status for record in run(way, store.folder, Limits(), clock, never, cells)] == ["done", "done"]
    same(whole[way], store.folder)
    assert not list(store.folder.rglob("checkpoint.pt"))


@pytest.mark.usefixtures("halves")
def test_a_cell_that_is_stopped_again_and_again_ends_with_the_same_numbers(tmp_path: Path, clock: Clock) -> None:
    """At common parameters; each invocation gets a little farther than the one before it."""
    (usual,) = toys(0)
    cells = toys(0, measurement=replace(usual.measurement, at="shared"))
    run("alone", tmp_path / "whole", Limits(), clock, never, cells)
    where, statuses = ("trajectory", "train", "measure", "evaluate"), list[str]()
    for last in [(0, 9.0), (1, 8.0), (2, 0.3), (2, 1.6), (3, 0.2)]:

        def until(name: str, done: float, last: tuple[int, float] = last) -> bool:
            return name in where and (where.index(name), done) >= last

        statuses += [record.status for record in run("alone", tmp_path / "cut", MINUTE, clock, until, cells)]
    assert statuses == ["limited"] * 5
    run("alone", tmp_path / "cut", Limits(), clock, never, cells)
    same(tmp_path / "whole", tmp_path / "cut")


def test_a_run_that_is_killed_after_a_limit_ends_with_the_same_numbers(
    tmp_path: Path, whole: dict[str, Path], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_SECONDS", -math.inf)
    way, cells, store = "together", toys(0, 1), Store(tmp_path / "cut")
    run(way, store.folder, MINUTE, clock, PLACES["training"][0], cells)

    def killed(name: str, done: float) -> bool:
        Quiet(until=19).phase(name, done, 30)
        return False

    with pytest.raises(KeyboardInterrupt):
        run(way, store.folder, Limits(), clock, killed, cells)
    assert [record.status for record in store.records()] == ["limited", "limited"]
    assert steps_taken(store.checkpoint_path(cells[0])) == 18
    run(way, store.folder, Limits(), clock, never, cells)
    same(whole[way], store.folder)


def test_a_companion_that_has_diverged_is_at_its_end_when_the_others_are_stopped(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = Stack.__init__

    def far(self: Stack, trainers: Any) -> None:
        init(self, trainers)
        with torch.no_grad():
            for value in self._trained.values():
                value[1] = torch.nan

    monkeypatch.setattr(Stack, "__init__", far)
    records = run("together", tmp_path, MINUTE, clock, PLACES["training"][0], toys(0, 1, 2))
    assert [record.status for record in records] == ["limited", "diverged", "limited"]


def test_a_cell_at_its_end_is_not_stopped(tmp_path: Path, clock: Clock) -> None:
    (record,) = run("alone", tmp_path, MINUTE, clock, lambda name, done: name == "evaluate" and done == 1, toys(0))
    assert record.status == "done"


def test_too_little_memory_is_a_limit_only_where_memory_is_limited(
    tmp_path: Path, whole: dict[str, Path], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the last measurement; together, the error is whoever's who could train fewer of them."""
    draw = Replicator.draw
    cells = toys(0, 1)

    def short(self: Replicator, x: torch.Tensor, count: int) -> torch.Tensor:
        if clock.now:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80000 bytes.")
        return draw(self, x, count)

    monkeypatch.setattr(Replicator, "draw", short)
    late = PLACES["last measurement"][0]
    with pytest.raises(RuntimeError, match="can't allocate"):
        run("alone", tmp_path / "failed", Limits(), clock, late, cells[:1])
    allowed = Limits(memory=10**12)
    with pytest.raises(RuntimeError, match="can't allocate"):
        run("together", tmp_path / "cut", allowed, clock, late, cells)
    for record in run("alone", tmp_path / "cut", allowed, clock, late, cells):
        assert (record.status, record.limit) == ("limited", Limit("memory", 1e12))
        assert record.reason == "memory limit of 1 TB reached at step 30 of 30, while measuring"
        assert {row.step for row in record.gradients} == {0, 10}
        assert len(record.training) == 30
    run("alone", tmp_path / "cut", Limits(), clock, never, cells)
    for left, right in zip(frames(whole["alone"]), frames(tmp_path / "cut"), strict=True):
        # They were trained together up to their last checkpoint.
        pd.testing.assert_frame_equal(left, right, rtol=1e-8, atol=1e-8)


def test_what_a_limit_had_left_stays_on_record_where_a_lower_one_leaves_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = toys(0)
    (before,) = run("alone", tmp_path, MINUTE, clock, PLACES["training"][0], [one])

    def none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("bench.execution.cell.initial", none)
    (record,) = run("alone", tmp_path, Limits(memory=5_000_000), clock, never, [one])
    reason = "memory limit of 5 MB reached while preparing it"
    assert record == replace(before, reason=reason, limit=Limit("memory", 5e6))
    (other,) = run("alone", tmp_path, Limits(memory=5_000_000), clock, never, toys(1))
    assert (other.status, other.reason, other.gradients) == ("limited", reason, [])


@pytest.mark.parametrize(
    ("stopped", "limits", "goes_on"),
    [
        (Limit("time", 60.4), Limits(), True),
        (Limit("time", 60.4), Limits(seconds=60.0), False),
        (Limit("time", 60.4), Limits(seconds=60.4), False),
        (Limit("time", 60.4), Limits(seconds=61.0, memory=1), True),
        (Limit("memory", 4e9), Limits(memory=4 * 10**9, seconds=1e9), False),
        (Limit("memory", 4e9), Limits(memory=5 * 10**9), True),
        (Limit("memory", 4e9), Limits(seconds=1.0), True),
    ],
)
def test_a_limited_cell_goes_on_only_with_a_higher_limit(
    tmp_path: Path, stopped: Limit, limits: Limits, goes_on: bool
) -> None:
    known = limited(limit=stopped)
    found, why = recall(known.cell, known, Store(tmp_path), None, Source(), limits)
    assert found is (None if goes_on else known)
    hit = f"limited before ({known.reason}); with a higher --{stopped.of}-limit it continues"
    assert why == (GOES_ON if goes_on else hit)
    assert recall(known.cell, known, Store(tmp_path), "all", Source(), limits)[0] is None


def test_limits_go_with_a_job_to_whichever_process_runs_it(tmp_path: Path) -> None:
    (one,) = toys(0)
    making = Making("now", limits=Limits(seconds=1e-9))
    terms = Terms(tmp_path, making, ("bench", "run"), frozenset(), torch.get_num_threads(), False, hardware(), code())
    job = pickle.loads(pickle.dumps(Job((Due(one, Source(), None),), terms)))
    told = list[Event]()
    assert run_job(job, told.append).done == (one.id,)
    (record,) = Store(tmp_path).records()
    assert record.status == "limited"
    assert [event.words for event in told if isinstance(event, About)] == [f" limited: {record.reason}"]
