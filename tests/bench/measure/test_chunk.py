import errno
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
import torch

from bench.measure import chunk
from bench.measure.chunk import chunk_size, fastest_chunk
from bench.measure.replicates import LOOP, Replicator
from bench.measure.rows import Whole
from estimators.score_function.reinforce import Reinforce
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.measure.estimators import Branching

TASK = GaussianQuadratic()
X = TASK.load().train
MANY = 10**6


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))


def test_a_toy_is_drawn_in_large_chunks_and_that_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    replicator = Replicator(TASK, Reinforce(), 1)
    size = chunk_size(replicator, X, {}, "toy", "reinforce", replicates=MANY)
    # A batch costs as much as some four single replicates, so that anything above a hundred is plain.
    assert size >= 128
    assert list(json.loads((tmp_path / "chunks.json").read_text()).values()) == [size]
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: pytest.fail("measured again"))
    assert chunk_size(replicator, X, {}, "toy", "reinforce", replicates=MANY) == size


def test_another_identity_is_measured_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 7)
    replicator = Replicator(TASK, Reinforce(), 1)
    for identity in (("a", 1), ("a", 2), ("a", 1)):
        assert chunk_size(replicator, X, {}, *identity, replicates=MANY) == 7
    assert len(json.loads((tmp_path / "chunks.json").read_text())) == 2


@pytest.mark.parametrize("content", ["{", "[1, 2]", "7", "null", "[" * 10**5, "\xff"])
def test_a_memory_of_nonsense_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str):
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 7)
    (tmp_path / "chunks.json").write_text(content, encoding="latin-1")
    assert chunk_size(Replicator(TASK, Reinforce(), 1), X, {}, replicates=MANY) == 7
    assert list(json.loads((tmp_path / "chunks.json").read_text()).values()) == [7]


@pytest.mark.parametrize("wrong", [0, -1, 7.0, True, "7", None, [7], 10**9])
def test_what_is_no_chunk_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: object):
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 7)
    replicator, memory = Replicator(TASK, Reinforce(), 1), tmp_path / "chunks.json"
    chunk_size(replicator, X, {}, replicates=MANY)
    memory.write_text(json.dumps(dict.fromkeys(json.loads(memory.read_text()), wrong)))
    assert chunk_size(replicator, X, {}, replicates=MANY) == 7


def test_a_memory_that_takes_nothing_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 7)
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert chunk_size(Replicator(TASK, Reinforce(), 1), X, {}, replicates=MANY) == 7


def test_a_memory_on_a_full_disk_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 7)
    monkeypatch.setattr(Path, "write_text", full)
    assert chunk_size(Replicator(TASK, Reinforce(), 1), X, {}, replicates=MANY) == 7


def test_what_cannot_be_batched_is_looped_and_not_remembered(tmp_path: Path):
    assert chunk_size(Replicator(TASK, Branching(), 1), X, {}, replicates=MANY) == LOOP
    assert not (tmp_path / "chunks.json").exists()


def test_measuring_does_not_disturb_the_random_stream(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    chunk_size(Replicator(TASK, Reinforce(), 1), X, {}, "stream", replicates=MANY)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


class Costs:
    """Stands in for a replicator: a chunk takes a fixed time and a time per replicate, which jumps beyond a cache."""

    size, largest = 2, sys.maxsize

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, fixed: float, each: float, beyond: float, cache: int
    ) -> None:
        self.fixed, self.each, self.beyond, self.cache, self.now = fixed, each, beyond, cache, 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.now)

    def draw(self, _x: torch.Tensor, count: int) -> None:
        self.wait(self.fixed + count * (self.each if count <= self.cache else self.beyond))

    def rows(self, x: torch.Tensor, count: int) -> Whole:
        self.draw(x, count)
        return Whole(torch.zeros(count, 1, dtype=torch.float64))

    def wait(self, duration: float) -> None:
        self.now += duration


def fastest(costs: Costs, replicates: int = MANY) -> int:
    return fastest_chunk(cast(Replicator, costs), X, replicates)


@pytest.mark.parametrize(
    ("fixed", "each", "beyond", "cache", "expected"),
    [(1.0, 1e-4, 1.0, 64, [64]), (0.0, 1.0, 1.0, 1, [1]), (0.0, 1.0, 5.0, 1, [1]), (1.0, 1e-6, 1e-6, 1, [16_384])],
)
def test_the_least_time_per_replicate_wins(
    monkeypatch: pytest.MonkeyPatch, fixed: float, each: float, beyond: float, cache: int, expected: list[int]
):
    costs = Costs(monkeypatch, fixed=fixed, each=each, beyond=beyond, cache=cache)
    assert fastest(costs) in expected


def test_a_price_per_batch_that_small_chunks_do_not_earn_back_is_no_reason_to_loop(monkeypatch: pytest.MonkeyPatch):
    costs = Costs(monkeypatch, fixed=20.0, each=1e-3, beyond=1e-3, cache=1)
    draw = costs.draw

    def cheap_alone(x: torch.Tensor, count: int) -> None:
        if count == LOOP:
            costs.now += 1.0
        else:
            draw(x, count)

    monkeypatch.setattr(costs, "draw", cheap_alone)
    assert fastest(costs) == 16_384


def test_a_chunk_of_gradients_fits_in_memory(monkeypatch: pytest.MonkeyPatch):
    costs = Costs(monkeypatch, fixed=1.0, each=1e-9, beyond=1e-9, cache=1)
    costs.size = 1 << 20
    # 512 MiB hold 64 gradients of a million float64.
    assert fastest(costs) == 64


def test_all_that_a_chunk_holds_fits_in_memory(monkeypatch: pytest.MonkeyPatch):
    costs = Costs(monkeypatch, fixed=1.0, each=1e-9, beyond=1e-9, cache=1)
    draw = costs.draw

    def large(x: torch.Tensor, count: int) -> None:
        torch.empty(count, 1 << 22, dtype=torch.float64)
        draw(x, count)

    monkeypatch.setattr(costs, "draw", large)
    assert fastest(costs) == 16


@pytest.mark.parametrize("replicates", [40, 1000, 10**5])
def test_the_search_takes_a_tenth_of_what_it_serves_or_four_draws(monkeypatch: pytest.MonkeyPatch, replicates: int):
    costs = Costs(monkeypatch, fixed=0.1, each=0.9, beyond=0.9, cache=1)
    fastest(costs, replicates)
    assert costs.now < max(0.1 * replicates, 5.5)


def test_time_that_others_had_does_not_count(monkeypatch: pytest.MonkeyPatch):
    """The clock on the wall runs the faster the larger the chunk, as if others came at just the wrong time."""
    costs = Costs(monkeypatch, fixed=1.0, each=1e-3, beyond=1e-3, cache=1)
    waited = 0.0
    draw = costs.draw

    def late(x: torch.Tensor, count: int) -> None:
        nonlocal waited
        waited += count**2
        draw(x, count)

    monkeypatch.setattr(costs, "draw", late)
    monkeypatch.setattr(time, "perf_counter", lambda: costs.now + waited)
    assert fastest(costs) == 16_384


def test_a_batch_that_pays_only_when_large_is_found(monkeypatch: pytest.MonkeyPatch):
    """A batch of a toy's replicates costs several single ones: small chunks lose against the loop, large ones win."""
    costs = Costs(monkeypatch, fixed=5.0, each=1e-3, beyond=1.0, cache=1024)
    monkeypatch.setattr(costs, "draw", lambda x, count: Costs.draw(costs, x, count) if count > 1 else costs.wait(1.0))
    assert fastest(costs) == 1024


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_where_memory_ends_the_search_ends_and_that_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    replicator = Replicator(TASK, Reinforce(), 1)
    batched, tried = replicator._batched, list[int]()

    def limited(parameters: Any, x: torch.Tensor, replicates: torch.Tensor) -> Any:
        tried.append(len(replicates))
        if tried[-1] > 20:
            raise error
        return batched(parameters, x, replicates)

    monkeypatch.setattr(replicator, "_batched", limited)
    assert chunk_size(replicator, X, {}, "toy", "reinforce", replicates=MANY) <= 16
    assert max(tried) == 32
    assert not (tmp_path / "chunks.json").exists()


def test_a_chunk_whose_rows_do_not_fit_ends_the_search(monkeypatch: pytest.MonkeyPatch):
    replicator = Replicator(TASK, Reinforce(), 1)
    draw = replicator.draw

    def limited(x: torch.Tensor, count: int) -> torch.Tensor:
        if count > 20:
            raise RuntimeError("can't allocate memory")
        return draw(x, count)

    monkeypatch.setattr(replicator, "draw", limited)
    assert fastest_chunk(replicator, X, MANY, seconds=0.0) <= 16
