"""Finished means clean: a rerun leaves nothing of what a killed run has left, and does with few files open."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.execution import runner
from bench.execution.companions import companions
from bench.machine.files import open_files
from bench.measure import chunk
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell
from tests.bench.cli.conftest import Outcome
from tests.bench.results.samples import cell, limited, record

Bench = Callable[..., Outcome]

RUN = (
    "run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--steps", "2", "--replicates", "40",
    "--checkpoints", "2", "--evaluation-samples", "5", "--at", "shared", "--out", "R",
)  # fmt: skip


def files(folder: Path) -> set[str]:
    """Return all that lies in a results folder but the notes about runs, of which each run adds one."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not (name.startswith("runs/") and name.endswith(".json"))}


def leave_behind(store: Store) -> None:
    """Put into a results folder what a process may leave that is killed at the worst of moments."""
    (folder,) = store.cell_folders()
    (trajectory,) = folder.parent.glob("trajectory-*.pt")
    for path in (
        folder / "begun.json",
        folder / "checkpoint.pt",
        folder / "traceback.txt",
        folder / ".record.json.1-00000000.tmp",
        folder / ".checkpoint.pt.1-00000000.tmp",
        trajectory.with_name(f".{trajectory.name}.1-00000000.tmp"),
        store.folder / "runs" / ".20260101T000000Z-abcdef.json.1-00000000.tmp",
        store.folder / "tables" / ".final.csv.1-00000000.tmp",
        store.folder / ".writable-1",
        store.folder / "..writable-1.1-00000000.tmp",
    ):
        path.write_text("left")


def test_a_rerun_leaves_nothing_of_a_killed_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 40)
    assert bench(*RUN).code == 0
    clean = files(Path("R"))
    for rerun in ((), ("--rerun", "all"), ("--rerun", "stale"), ("--rerun", "failed")):
        leave_behind(Store("R"))
        outcome = bench(*RUN, *rerun)
        assert outcome.code == 0, outcome.err
        assert files(Path("R")) == clean, rerun


def test_a_failed_cell_and_a_limited_one_keep_what_they_go_on_from(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.write(record(status="failed", reason="broken", final=None)).parent
    for name in ("begun.json", "checkpoint.pt", "traceback.txt"):
        (folder / name).touch()
    store.tidy(record(status="failed", reason="broken", final=None))
    assert {path.name for path in folder.iterdir()} == {"record.json", "checkpoint.pt", "traceback.txt"}
    store.tidy(limited())
    assert {path.name for path in folder.iterdir()} == {"record.json", "checkpoint.pt"}
    store.tidy(record())
    assert {path.name for path in folder.iterdir()} == {"record.json"}


def test_a_killed_process_leaves_no_probe(tmp_path: Path) -> None:
    code = (
        "import os, sys, tempfile; from bench.results.store import Store\n"
        "opened = tempfile.TemporaryFile\n"
        "def killed(**how): opened(**how); os._exit(9)\n"
        "tempfile.TemporaryFile = killed; Store(sys.argv[1]).ensure_writable()"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    assert not list(tmp_path.iterdir())


def test_more_seeds_than_files_may_be_open(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def together(cells: list[Cell], _data: Any, store: Store, *_: Any) -> Iterator[Record]:
        assert len(cells) <= limit // 2
        for one in cells:
            store.write(record(one))
            yield record(one)

    monkeypatch.setattr(runner, "run_together", together)
    before, limit = resource.getrlimit(resource.RLIMIT_NOFILE), 100
    monkeypatch.setattr("bench.execution.companions.open_files", lambda: limit)
    # Beside those that the test's own process has open.
    others = len(os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (others + limit, before[1]))
    try:
        outcome = bench(*RUN[:-4], "--batch-seeds", "on", "--seeds", "0-149", "--out", "R")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert outcome.code == 0, outcome.err
    assert len(list(Store("R").records())) == 150


def test_a_process_takes_the_files_that_it_may_have() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    try:
        assert open_files() >= 200
        assert open_files() == min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_few_files_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.execution.companions.open_files", lambda: 7)
    cells = [cell(task="gaussian-quadratic", task_parameters={}, seed=seed) for seed in range(7)]
    assert [len(group) for group in companions(cells, "on")] == [3, 3, 1]
