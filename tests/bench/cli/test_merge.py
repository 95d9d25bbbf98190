"""`bench results merge`: what one folder has alone is copied, and what differs is said and left."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from bench.execution.kept import keep
from bench.results.atomic import replacing
from bench.results.codec import dump
from bench.results.datapoints import save_datapoints
from bench.results.schema import SCHEMA_VERSION, Begun, Record, RunInfo
from bench.results.store import Store
from bench.results.tables import load
from bench.results.tensors import save_tensors
from bench.settings import Cell
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import RUN, cell, gradient, limited, of_version, points, record

HERE, THERE, ALL = Path("here"), Path("there"), Path("all")


def _write(folder: Path, of: Cell, run: RunInfo = RUN, **changes: Any) -> Record:
    """Write a finished cell with its parameters and the note of its run."""
    store = Store(folder)
    store.write_run(run)
    told = save_tensors(store.parameters_path(of), {"a": torch.full((3,), float(changes.get("seconds", 1.0)))})
    made = record(of, run=run.run, **{"parameters": told, **changes})
    store.write(made)
    return made


def _files(folder: Path) -> dict[str, bytes]:
    """Return what is in the files of a folder; locks are none, and tables are made of the records."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name != ".lock" and path.parent.name != "tables"
    }


def test_what_one_folder_has_alone_is_copied(bench: Bench) -> None:
    _write(HERE, cell(seed=0))
    _write(THERE, cell(seed=1), replace(RUN, run="20260102T000000Z-abcdef"))
    outcome = bench("results", "merge", "here", "there", "--into", "all")
    assert outcome.code == 0, outcome.out + outcome.err
    assert _files(ALL) == {**_files(HERE), **_files(THERE)}
    assert sorted(load(ALL).final["seed"]) == [0, 1]
    assert (ALL / "tables" / "final.csv").is_file()
    assert bench("results", "validate", "all").code == 0


def test_a_second_merge_changes_nothing(bench: Bench) -> None:
    _write(HERE, cell(seed=0))
    bench("results", "merge", "here", "--into", "all")
    before = {path: path.stat().st_mtime_ns for path in ALL.rglob("*")}
    outcome = bench("results", "merge", "here", "--into", "all")
    assert (outcome.code, outcome.out) == (0, "cells: 1 already the same\n")
    assert {path: path.stat().st_mtime_ns for path in ALL.rglob("*")} == before


def test_a_dry_run_says_the_same_and_writes_nothing(bench: Bench) -> None:
    _write(HERE, cell(seed=0))
    dry = bench("results", "merge", "here", "--into", "all", "--dry-run")
    assert not ALL.exists()
    wet = bench("results", "merge", "here", "--into", "all")
    assert dry.out == f"a dry run: {wet.out}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "diverged", "reason": "NaN at step 3"}, ["status: done and diverged", "NaN at step 3"]),
        ({"gradients": [gradient("variance", 1.5, step=0)]}, ["variance of guide at step 0 1 and 1.5"]),
        ({"final": None}, ["final values: some and none"]),
        ({"task_source": "0123"}, ["task_source: none and 0123"]),
        ({"started": "2026-01-02T00:00:00+00:00"}, ["the numbers are the same; run, started"]),
    ],
    ids=["status", "gradients", "final", "source", "times"],
)
def test_a_conflict_is_told_by_content_and_left(bench: Bench, changes: dict[str, Any], said: list[str]) -> None:
    _write(HERE, cell())
    _write(THERE, cell(), replace(RUN, run="20260102T000000Z-abcdef", torch="2.14.0"), **changes)
    outcome = bench("results", "merge", "here", "there", "--into", "all")
    assert outcome.code == 1
    assert not list(ALL.rglob("record.json"))
    for words in [*said, "torch: 2.13.0 and 2.14.0", str(HERE / cell().folder), str(THERE / cell().folder)]:
        assert words in outcome.out
    assert "--prefer" in outcome.err
    before = _files(HERE)
    assert bench("results", "merge", "there", "--into", "here").code == 1
    assert _files(HERE) == before


@pytest.mark.parametrize(("prefer", "winner"), [("newest", THERE), ("there", THERE), ("here", HERE)])
def test_a_preference_settles_what_differs(bench: Bench, prefer: str, winner: Path) -> None:
    _write(HERE, cell())
    _write(THERE, cell(), replace(RUN, run="20260102T000000Z-abcdef"), started="2026-01-02T00:00:00+00:00", seconds=2.0)
    expected = _files(winner)
    outcome = bench("results", "merge", "there", "--into", "here", "--prefer", prefer)
    assert outcome.code == 0, outcome.out
    assert _files(HERE).items() >= expected.items()
    assert bench("results", "validate", "here").code == 0


def test_a_preference_that_is_not_in_the_merge_is_refused(bench: Bench) -> None:
    _write(HERE, cell())
    outcome = bench("results", "merge", "here", "--into", "all", "--prefer", "elsewhere")
    assert outcome.code == 2
    assert "--prefer elsewhere is not in this merge: give newest, or one of here, all" in outcome.err
    assert not ALL.exists()


@pytest.mark.parametrize("arguments", [["here", "--into", "here"], ["here/vae-mnist", "--into", "here"]])
def test_a_folder_is_not_merged_into_itself(bench: Bench, arguments: list[str]) -> None:
    _write(HERE, cell())
    outcome = bench("results", "merge", *arguments)
    assert outcome.code == 2
    assert "into itself" in outcome.err


def test_what_cannot_be_read_is_named_and_the_rest_is_merged(bench: Bench) -> None:
    _write(HERE, cell(seed=0))
    for seed in (1, 2, 3):
        _write(HERE, cell(seed=seed))
    damaged, foreign, future = (HERE / cell(seed=seed).folder / "record.json" for seed in (1, 2, 3))
    damaged.write_bytes(damaged.read_bytes()[:-20])
    foreign.write_bytes(dump(record(cell(seed=9))))
    future.write_bytes(future.read_bytes().replace(f": {SCHEMA_VERSION}".encode(), f": {SCHEMA_VERSION + 1}".encode()))
    outcome = bench("results", "merge", "here", "--into", "all", "--format", "json")
    assert outcome.code == 5
    content = json.loads(outcome.out)
    unreadable = [one["path"] for one in content["outcomes"] if one["what"] == "unreadable"]
    assert unreadable == [str(path.parent) for path in (damaged, foreign, future)]
    assert list(load(ALL).final["seed"]) == [0]


def test_a_damaged_record_where_it_goes_is_set_aside(bench: Bench) -> None:
    _write(HERE, cell())
    _write(THERE, cell())
    path = HERE / cell().folder / "record.json"
    path.write_bytes(b"{}")
    outcome = bench("results", "merge", "there", "--into", "here")
    assert outcome.code == 0
    assert path.with_name("record.json.corrupt-1").read_bytes() == b"{}"
    assert path.read_bytes() == (THERE / cell().folder / "record.json").read_bytes()


def test_parameters_that_are_damaged_are_named_and_not_copied(bench: Bench) -> None:
    _write(HERE, cell())
    parameters = HERE / cell().folder / "parameters.pt"
    whole = parameters.read_bytes()
    parameters.write_bytes(whole[:-1])
    outcome = bench("results", "merge", "here", "--into", "all")
    assert outcome.code == 5
    assert "parameters.pt" in outcome.out
    assert not (ALL / cell().folder / "parameters.pt").exists()
    parameters.write_bytes(whole)
    assert "1 given a file that they lacked" in bench("results", "merge", "here", "--into", "all").out
    assert (ALL / cell().folder / "parameters.pt").read_bytes() == whole


def test_datapoints_go_with_their_record(bench: Bench) -> None:
    told = save_datapoints(Store(HERE).datapoints_path(cell()), points(-1.0, -2.0))
    _write(HERE, cell(), datapoints=told)
    assert bench("results", "merge", "here", "--into", "all").code == 0
    path = Store(ALL).datapoints_path(cell())
    assert path.read_bytes() == Store(HERE).datapoints_path(cell()).read_bytes()
    path.unlink()
    assert "1 given a file that they lacked" in bench("results", "merge", "here", "--into", "all").out
    assert load(ALL).datapoints["elbo"].tolist() == [-1.0, -2.0]
    # Another record that wins has none of them.
    _write(THERE, cell(), started="2030-01-01T00:00:00+00:00")
    assert bench("results", "merge", "there", "--into", "all", "--prefer", "newest").code == 0
    assert not path.exists()


def test_a_record_of_an_earlier_version_is_the_same(bench: Bench) -> None:
    # Before version 7, a record did not know its parameters.
    made = _write(HERE, cell(), parameters=None)
    _write(THERE, cell(), parameters=None)
    path = HERE / cell().folder / "record.json"
    path.write_text(json.dumps(of_version(5, dump(made))))
    assert "1 already the same" in bench("results", "merge", "there", "--into", "here").out


def test_a_merge_that_was_killed_is_run_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(2):
        _write(HERE, cell(seed=seed))
    expected = _files(HERE)
    # Two files of each cell.
    for end in range(4):
        placed = iter(range(end))

        def until_the_end(path: Path, placed: Iterator[int] = placed) -> AbstractContextManager[BinaryIO]:
            if next(placed, None) is None:
                raise KeyboardInterrupt
            return replacing(path)

        into = f"all-{end}"
        with monkeypatch.context() as patch:
            patch.setattr("bench.results.merging.placing", until_the_end)
            assert bench("results", "merge", "here", "--into", into).code == 130
        assert _files(Path(into)) != expected
        assert bench("results", "merge", "here", "--into", into).code == 0
        assert _files(Path(into)) == expected


def test_a_cell_that_is_being_run_is_left(bench: Bench) -> None:
    _write(HERE, cell(seed=0))
    _write(HERE, cell(seed=1))
    with Store(ALL).lock(cell(seed=0)):
        outcome = bench("results", "merge", "here", "--into", "all")
    assert outcome.code == 6
    assert list(load(ALL).final["seed"]) == [1]


def test_unfinished_cells_stay_and_trajectories_come_along(bench: Bench) -> None:
    _write(HERE, cell())
    Store(HERE).begin(Begun(cell(seed=1), RUN.run))
    trajectory = HERE / "vae-mnist" / "trajectory-0123456789abcdef.pt"
    keep(trajectory, {"a": 1})
    outcome = bench("results", "merge", "here", "--into", "all")
    assert "1 unfinished, and left where they are" in outcome.out
    assert not (ALL / cell(seed=1).folder).exists()
    assert (ALL / "vae-mnist" / trajectory.name).read_bytes() == trajectory.read_bytes()


def test_a_failed_cell_keeps_its_traceback_and_its_checkpoint(bench: Bench) -> None:
    store = Store(HERE)
    store.write(record(status="failed", reason="it broke", parameters=None))
    store.traceback_path(cell()).write_text("way there")
    keep(store.checkpoint_path(cell()), {"a": 1})
    assert bench("results", "merge", "here", "--into", "all").code == 0
    assert _files(ALL) == _files(HERE)


def test_a_limited_cell_keeps_its_checkpoint(bench: Bench) -> None:
    store = Store(HERE)
    store.write(limited())
    keep(store.checkpoint_path(cell()), {"a": 1})
    assert bench("results", "merge", "here", "--into", "all").code == 0
    assert _files(ALL) == _files(HERE)


def test_the_parameters_of_a_record_that_lost_go_with_it(bench: Bench) -> None:
    _write(HERE, cell())
    Store(THERE).write(record(status="failed", reason="it broke", started="2026-01-02T00:00:00+00:00", parameters=None))
    assert bench("results", "merge", "there", "--into", "here", "--prefer", "newest").code == 0
    assert not (HERE / cell().folder / "parameters.pt").exists()
