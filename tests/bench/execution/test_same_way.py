"""A cell that is resumed goes on in the way that it was begun, on whatever machine it finds itself."""

import json
from functools import partial
from pathlib import Path

import pytest

from bench.execution import cell
from bench.machine.matmul import float32_precision
from bench.measure import chunk, cost
from bench.measure.reference import exact_target_reference
from bench.results.store import Store
from tests.bench.execution.test_restoring import alone, frames, same, together, toy

CHUNKS = 5, 3


def remember(cache: Path, size: int) -> None:
    """Have every chunk that was measured be of another size, as on a machine of another pace."""
    memory = cache / "chunks.json"
    memory.write_text(json.dumps(dict.fromkeys(json.loads(memory.read_text()), size)))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))
    monkeypatch.setattr("bench.execution.checkpoint._SECONDS", 0.0)
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: CHUNKS[0])


@pytest.mark.parametrize("reference", ["exact", "drawn"])
def test_as_many_replicates_are_drawn_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    if reference == "drawn":
        monkeypatch.setattr("bench.execution.meter.exact_target_reference", lambda *_: None)
    alone(tmp_path / "fresh")
    with pytest.raises(KeyboardInterrupt):
        alone(tmp_path / "R", until=13)
    remember(tmp_path, CHUNKS[1])
    record, _ = alone(tmp_path / "R")
    assert record.chunk == CHUNKS[0]
    same(frames(tmp_path / "R"), frames(tmp_path / "fresh"))

    # That the size matters to the last digit, and was another one here.
    other, _ = alone(tmp_path / "other")
    assert other.chunk == CHUNKS[1]
    with pytest.raises(AssertionError):
        same(frames(tmp_path / "other"), frames(tmp_path / "fresh"))


def begun_with_onednn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a cell off where oneDNN pays, and go to where it does not."""
    monkeypatch.setattr(cell, "onednn_pays", lambda *_: True)
    with pytest.raises(KeyboardInterrupt):
        alone(folder, until=13)
    monkeypatch.setattr(cell, "onednn_pays", lambda *_: False)


def test_the_same_library_multiplies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []

    def noted(*arguments: object) -> object:
        used.append(float32_precision())
        return exact_target_reference(*arguments)  # pyright: ignore[reportArgumentType] - handed on as they come

    monkeypatch.setattr("bench.execution.meter.exact_target_reference", noted)
    begun_with_onednn(tmp_path / "R", monkeypatch)
    monkeypatch.setattr(cell, "onednn_keeps_float32", lambda: True)
    record, _ = alone(tmp_path / "R")
    assert "oneDNN multiplied float32 matrices" in record.notes
    assert set(used) == {"medium"}


def test_a_library_that_would_round_is_left_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun_with_onednn(tmp_path / "R", monkeypatch)
    monkeypatch.setattr(cell, "onednn_keeps_float32", lambda: False)
    record, warnings = alone(tmp_path / "R")
    (warning,) = warnings
    assert warning in record.notes
    assert warning.startswith("oneDNN multiplied float32 matrices up to step 12; here ")
    assert float32_precision() == "highest"


def test_seeds_whose_matrices_different_libraries_multiply_are_trained_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [toy(seed) for seed in range(3)]
    monkeypatch.setattr(cell, "onednn_pays", lambda *_: False)
    monkeypatch.setattr(cell, "onednn_keeps_float32", lambda: True)
    with pytest.raises(KeyboardInterrupt):
        together(cells, tmp_path / "R", until=13)
    monkeypatch.setattr(cell, "onednn_pays", lambda *_: True)
    with pytest.raises(KeyboardInterrupt):
        together(cells[:1], tmp_path / "elsewhere", until=13)
    files = [Store(tmp_path / folder).checkpoint_path(cells[0]) for folder in ("elsewhere", "R")]
    files[1].write_bytes(files[0].read_bytes())
    records = together(cells, tmp_path / "R")
    assert [record.final.seeds_together for record in records if record.final] == [1, 2, 2]
