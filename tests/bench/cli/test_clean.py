"""`bench results clean`: what nothing reads any more goes, and nothing else does."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from bench.execution.kept import keep
from bench.results.atomic import replacing
from bench.results.cleaning import orphans, remove
from bench.results.leftovers import trajectory_path
from bench.results.schema import Begun, Planned
from bench.results.store import Store
from bench.settings import Cell
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import RUN, cell, limited, record

STORE = Store("results")
KEPT = trajectory_path(Path("results/vae-mnist"), "0123456789abcdef")


def _files() -> set[str]:
    return {str(path) for path in Path("results").rglob("*") if path.is_file()}


def _done(of: Cell, run: str = RUN.run) -> Path:
    """Write a finished cell with its parameters; return its folder."""
    path = STORE.write(replace(record(of), run=run))
    STORE.parameters_path(of).write_bytes(b"parameters")
    return path.parent


def _age(path: Path, seconds: float) -> None:
    """Make a file older than it is."""
    stat = path.stat()
    os.utime(path, (stat.st_atime - seconds, stat.st_mtime - seconds))


def _removed(bench: Bench, *arguments: str) -> set[str]:
    """Clean the folder, and return what has gone from it; what was said before is what has."""
    before = _files()
    dry = json.loads(bench("results", "clean", "--dry-run", "--format", "json", *arguments).out)
    assert _files() == before
    assert bench("results", "clean", "--yes", *arguments).code == 0
    gone = before - _files()
    assert {os.path.relpath(one["file"]) for one in dry["left_over"]} == gone
    assert not _files() - before
    return gone


def test_a_whole_folder_keeps_all_but_its_locks(bench: Bench) -> None:
    STORE.write_run(RUN)
    _done(cell())
    with STORE.lock(cell()):
        pass
    assert _removed(bench) == {"results/runs/.lock", f"results/{cell().folder}/.lock"}
    assert bench("results", "clean", "--yes").out == "there is nothing to remove\n"


@pytest.mark.parametrize("status", ["done", "diverged"])
def test_what_lies_beside_the_record_of_a_cell_that_has_ended_goes(bench: Bench, status: str) -> None:
    folder = _done(cell())
    STORE.write(record(status=status, reason=None))
    names = ["checkpoint.pt", "begun.json", "traceback.txt", ".record.json.1-01234567.tmp"]
    for name in names:
        (folder / name).write_bytes(b"left over")
        _age(folder / name, 60)
    assert _removed(bench) == {str(folder / name) for name in names}


def test_what_a_later_run_goes_on_from_stays(bench: Bench) -> None:
    keep(STORE.checkpoint_path(cell(seed=0)), {"a": 1})
    keep(STORE.checkpoint_path(cell(seed=1)), {"a": 1})
    STORE.begin(Begun(cell(seed=1), RUN.run))
    STORE.write(record(cell(seed=2), status="failed", reason="it broke"))
    keep(STORE.checkpoint_path(cell(seed=2)), {"a": 1})
    STORE.traceback_path(cell(seed=2)).write_text("way there")
    STORE.write(limited(cell(seed=6)))
    keep(STORE.checkpoint_path(cell(seed=6)), {"a": 1})
    # A finished cell that `--rerun` runs again.
    _age(_done(cell(seed=3)) / "record.json", 60)
    STORE.begin(Begun(cell(seed=3), RUN.run))
    keep(STORE.checkpoint_path(cell(seed=3)), {"a": 1})
    # What the record of this one says cannot be read.
    (_done(cell(seed=4)) / "record.json").write_text("{}")
    keep(STORE.checkpoint_path(cell(seed=4)), {"a": 1})
    # Set aside by a run, for somebody to look at.
    (_done(cell(seed=5)) / "record.json.corrupt-1").write_text("{}")
    STORE.write_run(RUN)
    (STORE.folder / "check.json").write_text("{}")
    assert _removed(bench) == {"results/runs/.lock"}


def test_nothing_of_a_cell_that_is_being_run_goes(bench: Bench) -> None:
    folder = _done(cell())
    for name in ("checkpoint.pt", ".record.json.1-01234567.tmp"):
        (folder / name).write_bytes(b"in use")
        _age(folder / name, 60)
    with STORE.lock(cell()):
        (folder / ".record.json.1-01234567.tmp").write_bytes(b"in use")
        assert _removed(bench) == set()
    assert str(folder / "checkpoint.pt") in _removed(bench)


def test_a_cell_that_is_run_meanwhile_keeps_what_it_has(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _done(cell())
    (folder / "checkpoint.pt").write_bytes(b"left over")
    _age(folder / "checkpoint.pt", 60)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)

    def run_again(*_: object, **__: object) -> bool:
        STORE.begin(Begun(cell(), RUN.run))
        os.utime(folder / "checkpoint.pt")
        return True

    monkeypatch.setattr("click.confirm", run_again)
    before = _files()
    outcome = bench("results", "clean")
    assert outcome.code == 0
    assert _files() - before == {str(folder / "begun.json")}
    assert before <= _files()


def test_a_cell_is_looked_at_again_under_its_lock(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _done(cell())
    (folder / "checkpoint.pt").write_bytes(b"left over")
    _age(folder / "checkpoint.pt", 60)
    found = orphans(STORE)
    assert [one.path for one in found] == [folder / "checkpoint.pt"]
    # Between the last look and the lock, the cell is run again, and interrupted.
    monkeypatch.setattr("bench.results.cleaning.orphans", lambda *_: found)
    STORE.begin(Begun(cell(), RUN.run))
    os.utime(folder / "checkpoint.pt")
    assert remove(STORE, found) == []
    assert (folder / "checkpoint.pt").exists()


@pytest.mark.parametrize("lacking", ["", "begun", "failed", "not begun", "unreadable"])
def test_a_trajectory_stays_as_long_as_a_cell_may_need_it(bench: Bench, lacking: str) -> None:
    _done(cell())
    keep(KEPT, {"a": 1})
    other = cell(seed=1)
    if lacking == "begun":
        STORE.begin(Begun(other, RUN.run))
    elif lacking == "failed":
        STORE.write(record(other, status="failed", reason="it broke"))
    elif lacking == "not begun":
        STORE.write_run(replace(RUN, cells=[Planned(other.folder, "vae-mnist", "rebar")]))
    elif lacking == "unreadable":
        (_done(other) / "record.json").write_text("{}")
    assert (str(KEPT) in _removed(bench)) == (lacking == "")


def test_a_trajectory_that_is_being_trained_stays(bench: Bench) -> None:
    _done(cell())
    keep(KEPT, {"a": 1})
    with FileLock(KEPT.with_suffix(".lock")):
        assert _removed(bench) == set()
    assert _removed(bench) == {str(KEPT), str(KEPT.with_suffix(".lock"))}


def test_notes_of_runs_stay_where_something_refers_to_them(bench: Bench) -> None:
    names = {
        name: STORE.write_run(replace(RUN, run=name, cells=cells))
        for name, cells in {
            "made-a-record": [],
            "began-a-cell": [],
            "has-a-cell-to-go": [Planned(cell(seed=9).folder, "vae-mnist", "rebar")],
            "found-all-done": [Planned(cell().folder, "vae-mnist", "rebar")],
            "asked-for-nothing": [],
        }.items()
    }
    _done(cell(), "made-a-record")
    STORE.begin(Begun(cell(seed=1), "began-a-cell"))
    with STORE.lock(cell(seed=1)):
        # One that has just begun has noted itself alone.
        assert not any(str(path) in _removed(bench) for path in names.values())
    gone = _removed(bench)
    assert {name for name, path in names.items() if str(path) in gone} == {"found-all-done", "asked-for-nothing"}


def test_a_file_that_is_being_written_stays(bench: Bench) -> None:
    _done(cell())
    abandoned = Path("results/.check.json.1-01234567.tmp")
    abandoned.write_bytes(b"left over")
    with replacing(Path("results/tables/final.csv")):
        assert _removed(bench) == {str(abandoned)}


def test_a_part_is_cleaned_alone(bench: Bench) -> None:
    folders = [_done(cell(seed=seed)) for seed in range(2)]
    for folder in folders:
        (folder / "checkpoint.pt").write_bytes(b"left over")
        _age(folder / "checkpoint.pt", 60)
    keep(KEPT, {"a": 1})
    assert _removed(bench, str(folders[0])) == {str(folders[0] / "checkpoint.pt")}
    assert _removed(bench, "results/vae-mnist") == {str(folders[1] / "checkpoint.pt"), str(KEPT)}


def test_nothing_is_removed_unasked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _done(cell())
    keep(KEPT, {"a": 1})
    before = _files()
    outcome = bench("results", "clean")
    assert outcome.code == 2
    assert outcome.out.startswith("trajectory: 1 file, ")
    assert "nothing was removed: there is no terminal to ask on, so give --yes" in outcome.err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    outcome = bench("results", "clean")
    assert (outcome.code, _files()) == (0, before)
    assert outcome.err.endswith("nothing was removed\n")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    outcome = bench("results", "clean")
    assert (outcome.code, _files()) == (0, before - {str(KEPT)})
    assert outcome.out.splitlines()[-1].startswith("removed 1 file, ")
