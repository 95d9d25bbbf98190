import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.errors import CellBusy, ResultsError
from bench.results.atomic import replacing
from bench.results.codec import CorruptRecord
from bench.results.schema import Begun
from bench.results.store import Store, ignored, is_running, read_begun
from tests.bench.results.samples import RUN, cell, record, sealed

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def _start(code: str, folder: Path) -> "subprocess.Popen[str]":
    preamble = "import sys, os, time; from bench.results.store import Store; "
    preamble += "from tests.bench.results.samples import *; store = Store(sys.argv[1])\n"
    command = [sys.executable, "-c", preamble + code, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."})


@contextmanager
def _elsewhere(code: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run code in another process until it says that it is ready; kill it in the end."""
    process = _start(code, folder)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_is_written_is_read(store: Store) -> None:
    assert store.read(cell()) is None
    path = store.write(record())
    assert path == store.record_path(cell())
    assert path.parent.name == f"rebar-K1-seed0-{cell().id}"
    assert store.read(cell()) == record()
    assert {file.name for file in path.parent.iterdir()} == {"record.json"}


def test_a_cell_is_begun_until_it_has_a_record(store: Store) -> None:
    folder = store.record_path(cell()).parent
    assert read_begun(folder) is None
    store.begin(Begun(cell(), RUN.run))
    assert read_begun(folder) == Begun(cell(), RUN.run)
    (folder / "begun.json").write_text("{")
    with pytest.raises(CorruptRecord):
        read_begun(folder)
    store.write(record())
    assert {file.name for file in folder.iterdir()} == {"record.json"}


def test_every_record_is_found(store: Store) -> None:
    cells = [cell(seed=seed, task=task) for task in ("a", "user_module:Task") for seed in range(3)]
    for one in cells:
        store.write(record(one))
    store.write_run(RUN)
    (store.folder / "tables").mkdir()
    (store.folder / "reference" / "published").mkdir(parents=True)
    assert {found.cell.id for found in store.records()} == {one.id for one in cells}
    assert [found.cell.task for found in store.records(below=store.folder / "a")] == ["a"] * 3
    assert list(store.runs()) == [RUN]


def test_a_writer_killed_before_the_rename_leaves_the_old_record(store: Store) -> None:
    store.write(record())
    dying = "import bench.results.atomic as atomic; atomic.os.fsync = lambda fd: os._exit(9)\n"
    process = _start(dying + "store.write(record(status='failed', reason='new'))", store.folder)
    process.communicate()
    assert process.returncode == 9
    assert store.read(cell()) == record()
    folder = store.record_path(cell()).parent
    assert len(list(folder.glob(".record.json.*.tmp"))) == 1
    with store.lock(cell()):
        assert {file.name for file in folder.iterdir()} == {"record.json", ".lock"}


def test_a_writer_killed_at_any_moment_leaves_a_whole_record(store: Store) -> None:
    store.write(record())
    endless = "print('ready', flush=True)\nwhile True: store.write(record(notes=['x' * 200_000]))"
    with _elsewhere(endless, store.folder):
        time.sleep(0.2)
    assert store.read(cell()) in (record(), record(notes=["x" * 200_000]))


def test_a_failing_writer_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write("text where bytes belong")  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_results_are_as_readable_as_other_files(store: Store) -> None:
    old = os.umask(0o022)
    try:
        assert store.write(record()).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(old)


def test_two_processes_lose_nothing(store: Store) -> None:
    def code(first: int) -> str:
        return f"for seed in range({first}, 40, 2): store.write(record(cell(seed=seed)))"

    processes = [_start(code(first), store.folder) for first in (0, 1)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(found.cell.seed for found in store.records()) == list(range(40))


def test_a_cell_is_run_by_one_process(store: Store) -> None:
    holder = "with store.lock(cell()):\n    print('ready', flush=True); time.sleep(60)"
    folder = store.record_path(cell()).parent
    with _elsewhere(holder, store.folder):
        assert is_running(folder)
        with pytest.raises(CellBusy, match=r"rebar-K1-seed0-\w+ is being run by another process"), store.lock(cell()):
            pass
        with store.lock(cell(seed=1)):
            assert is_running(store.record_path(cell(seed=1)).parent)
    # The holder was killed: the cell is free.
    assert not is_running(folder)
    with store.lock(cell()):
        assert is_running(folder)
    assert not is_running(folder)


def test_asking_who_runs_writes_nothing(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_set_aside_and_kept(store: Store) -> None:
    warnings: list[str] = []
    for count in (1, 2):
        path = store.write(record())
        path.write_text(f"damage {count}")
        with pytest.raises(CorruptRecord):
            store.read(cell())
        assert store.read_or_set_aside(cell(), warnings.append) is None
        assert not path.exists()
        assert path.with_name(f"record.json.corrupt-{count}").read_text() == f"damage {count}"
    assert len(warnings) == 2
    assert "it is now record.json.corrupt-2, and the cell is run again" in warnings[1]


def test_a_whole_record_is_not_set_aside(store: Store) -> None:
    store.write(record())
    assert store.read_or_set_aside(cell(), pytest.fail) == record()


def test_the_record_of_another_cell_is_not_taken_for_this_one(store: Store) -> None:
    path = store.write(record())
    other = store.record_path(cell(seed=7))
    other.parent.mkdir(parents=True)
    path.rename(other)
    with pytest.raises(CorruptRecord, match="is the record of another cell"):
        store.read(cell(seed=7))


def test_a_newer_record_is_never_set_aside(store: Store) -> None:
    path = store.write(record())
    path.write_bytes(sealed({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(ResultsError, match="update varbench"):
        store.read_or_set_aside(cell(), pytest.fail)
    assert path.exists()


def test_readers_say_what_is_damaged_or_skip_it_when_told(store: Store) -> None:
    store.write(record())
    damaged = store.write(record(cell(seed=1)))
    damaged.write_text("{")
    with pytest.raises(ResultsError, match="seed1"):
        list(store.records())
    left_out: list[ResultsError] = []
    assert [found.cell.seed for found in store.records(unreadable=left_out.append)] == [0]
    assert [str(error).startswith(str(damaged)) for error in left_out] == [True]
    assert len(list(store.records(unreadable=ignored))) == 1


def test_a_folder_that_takes_files_is_left_as_it_was(store: Store) -> None:
    store.ensure_writable()
    assert list(store.folder.iterdir()) == []
