"""How the cells of one invocation are run, and what is said of that."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from bench.errors import CellsFailed, CellsLimited
from bench.execution import runner
from bench.execution.console import Console
from bench.execution.ending import require_results
from bench.execution.plan import Plan
from bench.execution.recall import Rerun
from bench.execution.session import Asked, Session
from bench.names.registry import TASKS
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell, Measurement, Training
from bench.training.trace import NotBatchable
from tests.bench.results.samples import MEASUREMENT, TRAINING, cell, limited, record


@pytest.mark.parametrize(("steps", "said"), [(0, False), (10, True)])
def test_on_a_gpu_only_what_is_trained_is_said_to_be_trained_without_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, said: bool
) -> None:
    def no_graph(*_: Any) -> NoReturn:
        raise NotBatchable("it draws a random number of samples")

    def alone(one: Cell, *_: Any) -> Record:
        return record(one)

    monkeypatch.setattr(runner, "run_together", no_graph)
    monkeypatch.setattr(runner, "run_alone", alone)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    training = Training(steps, 1, "adam", 1e-2, 1e-2, "constant")
    one = cell(task="gaussian-quadratic", task_parameters={}, device="cuda", training=training)
    data = {str(one.task_spec): TASKS.build(one.task_spec).load()}
    told = io.StringIO()
    running = Session(
        Plan([one], data, []),
        Store(tmp_path),
        Asked(tmp_path, None, dry_run=False, plot=False),
        Console(file=told, width=200),
    )
    assert [found.cell for found in running.run_or_recall([one])] == [one]
    assert ("without a CUDA graph, since it draws a random number of samples" in told.getvalue()) is said


@pytest.mark.parametrize("rerun", [None, "all"])
@pytest.mark.parametrize("kind", ["folder", "bare tensor", "cut short", "of before"])
def test_what_lies_in_the_place_of_a_checkpoint_does_not_keep_a_cell_from_its_record(
    tmp_path: Path, kind: str, rerun: Rerun | None
) -> None:
    training = Training(4, 1, "adam", 1e-2, 1e-2, "constant")
    once = Measurement("own", 20, 20, 0.05, 1, 5)
    one = cell(
        task="gaussian-quadratic",
        task_parameters={},
        estimator="reparam",
        estimator_parameters={},
        dtype="float64",
        training=training,
        measurement=once,
    )
    file = Store(tmp_path).checkpoint_path(one)
    file.parent.mkdir(parents=True)
    if kind == "folder":
        (file / "more").mkdir(parents=True)
    elif kind == "cut short":
        file.write_bytes(b"varbench kept 2 sha256 ")
    else:
        torch.save(torch.zeros(3) if kind == "bare tensor" else {"trainer": {}, "progress": {}, "source": {}}, file)
    told = io.StringIO()
    data = {str(one.task_spec): TASKS.build(one.task_spec).load()}
    asked = Asked(tmp_path, rerun, dry_run=False, plot=False)
    running = Session(Plan([one], data, []), Store(tmp_path), asked, Console(file=told, width=200))
    (found,) = running.run_or_recall([one])
    assert found.status == "done"
    left = {left.name for left in file.parent.glob("checkpoint*")}
    if rerun == "all":
        # What was not to be continued is gone, but for what a checkpoint never was.
        assert left == ({"checkpoint.pt.corrupt-1"} if kind == "folder" else set())
    elif kind == "of before":
        assert not left
        assert "its checkpoint is not continued, since an earlier version of varbench made it" in told.getvalue()
    else:
        assert left == {"checkpoint.pt.corrupt-1"}
        assert "the cell started again" in told.getvalue()


def test_a_cell_that_failed_is_none_that_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(one: Cell, *_: Any) -> Record:
        if one.seed == 0:
            raise RuntimeError("no luck")
        return record(one)

    monkeypatch.setattr(runner, "run_alone", alone)
    cells = [cell(task="gaussian-quadratic", task_parameters={}, seed=seed) for seed in (0, 1)]
    data = {str(cells[0].task_spec): TASKS.build(cells[0].task_spec).load()}
    told = io.StringIO()
    asked = Asked(tmp_path, None, dry_run=False, plot=False)
    running = Session(Plan(cells, data, []), Store(tmp_path), asked, Console(file=told, width=200))
    found = [record for one in cells for record in running.run_or_recall([one])]
    assert [one.status for one in found] == ["failed", "done"]
    assert "took" in told.getvalue()
    assert "to go" not in told.getvalue()


@pytest.mark.parametrize("lies_there", ["a link", "a link to itself", "a folder"])
def test_a_traceback_takes_the_place_of_what_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies_there: str
) -> None:
    def alone(*_: Any) -> Record:
        raise RuntimeError("no luck")

    monkeypatch.setattr(runner, "run_alone", alone)
    one = cell(task="gaussian-quadratic", task_parameters={})
    log, elsewhere = Store(tmp_path / "R").traceback_path(one), tmp_path / "elsewhere"
    log.parent.mkdir(parents=True)
    elsewhere.write_text("somebody's")
    if lies_there == "a folder":
        log.mkdir()
    else:
        log.symlink_to(elsewhere if lies_there == "a link" else log.name)
    data = {str(one.task_spec): TASKS.build(one.task_spec).load()}
    asked = Asked(tmp_path / "R", None, dry_run=False, plot=False)
    running = Session(Plan([one], data, []), Store(tmp_path / "R"), asked, Console(file=io.StringIO()))
    assert [found.status for found in running.run_or_recall([one])] == ["failed"]
    assert "RuntimeError: no luck" in log.read_text()
    assert not log.is_symlink()
    assert elsewhere.read_text() == "somebody's"


@pytest.mark.parametrize("damage", [b"\xc3\x28", "a folder", "a link to itself"])
def test_a_damaged_traceback_does_not_hide_why_a_cell_failed(tmp_path: Path, damage: bytes | str) -> None:
    failed = record(status="failed", reason="no luck", final=None)
    log = Store(tmp_path).traceback_path(failed.cell)
    log.parent.mkdir(parents=True)
    if isinstance(damage, bytes):
        log.write_bytes(damage)
    elif damage == "a folder":
        log.mkdir()
    else:
        log.symlink_to(log.name)
    with pytest.raises(CellsFailed, match="no luck"):
        require_results([failed.cell], [failed], tmp_path)


def test_limited_cells_have_an_exit_code_of_their_own_behind_failures(tmp_path: Path) -> None:
    cells = [cell(seed=seed) for seed in range(8)]
    records = [record(cells[0]), *map(limited, cells[1:])]
    with pytest.raises(CellsLimited, match=r"7 of 8 cells reached a limit:(.|\n)*in training\n  and 2 more\n") as ended:
        require_results(cells, records, tmp_path)
    assert ended.value.exit_code == 7
    failed = record(cells[0], status="failed", reason="no luck", final=None)
    with pytest.raises(CellsFailed, match="1 of 8 cells failed"):
        require_results(cells, [failed, *records[1:]], tmp_path)


@pytest.mark.parametrize("steps", [0, 100])
def test_what_a_limited_cell_was_not_measured_at_is_no_failure(tmp_path: Path, steps: int) -> None:
    one = cell(training=replace(TRAINING, steps=steps), measurement=replace(MEASUREMENT, at="shared"))
    with pytest.raises(CellsLimited):
        require_results([one], [limited(one, gradients=[])], tmp_path)
