"""The tables of a large folder are written where something is new, and only there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.escaping import as_csv
from bench.results import cache, exported, splicing, stamped, tables
from bench.results.exported import EXPORTED
from bench.results.leftovers import TABLES
from bench.results.store import Store
from bench.results.tables import export
from tests.bench.results.samples import RUN, cell, gradient, record

FIRST = cell()


@pytest.fixture(params=[-(10**12), 10**12], ids=["long written", "just written"])
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a folder whose tables have been written."""
    monkeypatch.setattr(stamped, "LARGE", 1)
    monkeypatch.setattr(stamped, "_SETTLES", request.param)
    monkeypatch.setattr(tables, "_LINES", 3)
    results = Store(tmp_path / "results")
    for seed in range(4):
        results.write(record(cell(seed=seed), notes=["=1+1"]))
    results.write_run(RUN)
    export(results.folder)
    return results


def written(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store.folder / TABLES).glob("*.[cp]*")}


def stamps(store: Store) -> dict[str, object]:
    return {path.name: stamped.stamp(path) for path in (store.folder / TABLES).glob("*.[cp]*")}


def test_what_is_written_is_what_a_small_folder_has(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamped, "LARGE", 1_000)
    monkeypatch.setattr(tables, "_LINES", 1_000)
    other = Store(store.folder.parent / "other")
    shutil.copytree(store.folder, other.folder, ignore=shutil.ignore_patterns(TABLES))
    export(other.folder)
    assert written(other) == {name: data for name, data in written(store).items() if name != cache.CACHE}


def test_nothing_is_written_or_read_where_nothing_is_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamps(store)
    monkeypatch.setattr(tables, "load_some", pytest.fail)
    paths = export(store.folder)
    assert len(paths) == 8
    assert all(path.is_file() for path in paths)
    assert stamps(store) == before


def _new(store: Store) -> None:
    store.write(record(cell(seed=9)))


def _gone(store: Store) -> None:
    shutil.rmtree(store.record_path(FIRST).parent)


def _another(store: Store) -> None:
    store.write(record(FIRST, gradients=[gradient("variance", 7.0)]))


def _a_run(store: Store) -> None:
    store.run_path(RUN.run).unlink()


def _a_table_gone(store: Store) -> None:
    (store.folder / TABLES / "final.csv").unlink()


def _a_table_edited(store: Store) -> None:
    path = store.folder / TABLES / "final.csv"
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"vae-mnist", b"vae-MNIST"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _note_damaged(store: Store) -> None:
    path = store.folder / TABLES / EXPORTED
    path.write_bytes(path.read_bytes()[:-9])


def _note_gone(store: Store) -> None:
    (store.folder / TABLES / EXPORTED).unlink()


@pytest.mark.parametrize(
    "change", [_new, _gone, _another, _a_run, _a_table_gone, _a_table_edited, _note_damaged, _note_gone]
)
def test_tables_are_made_anew_where_something_is(store: Store, change: Callable[[Store], None]) -> None:
    change(store)
    export(store.folder)
    found = {name: data for name, data in written(store).items() if name != cache.CACHE}
    shutil.rmtree(store.folder / TABLES)
    export(store.folder)
    assert {name: data for name, data in written(store).items() if name != cache.CACHE} == found


@pytest.mark.parametrize("store", [-(10**12)], indirect=True)
@pytest.mark.parametrize("change", [_new, _gone, _another])
def test_only_rows_of_new_records_are_made_csv(
    store: Store, monkeypatch: pytest.MonkeyPatch, change: Callable[[Store], None]
) -> None:
    monkeypatch.setattr(splicing, "_CELLS", 1)
    shutil.rmtree(store.folder / TABLES)
    export(store.folder)
    change(store)
    made: list[int] = []

    def counted(frame: pd.DataFrame, header: bool = True) -> str:
        made.append(len(frame))
        return as_csv(frame, header)

    monkeypatch.setattr(splicing, "as_csv", counted)
    export(store.folder)
    of_one = len(record().gradients) + len(record().training) + 1
    expected = of_one if change is _new else 0 if change is _gone else 1 + len(record().training) + 1
    assert sum(made) == expected
    found = written(store)
    shutil.rmtree(store.folder / TABLES)
    export(store.folder)
    assert written(store).keys() == found.keys()
    assert all(data == written(store)[name] for name, data in found.items() if name != cache.CACHE)


@pytest.mark.parametrize("store", [-(10**12)], indirect=True)
def test_a_note_of_a_run_changes_the_table_of_runs_alone(store: Store) -> None:
    before = stamps(store)
    _a_run(store)
    export(store.folder)
    assert {name for name, one in stamps(store).items() if one != before[name]} == {"runs.csv", "runs.parquet"}


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"\xff"])
def test_pieces_that_are_damaged_are_made_anew(store: Store, damage: bytes) -> None:
    path = store.folder / TABLES / splicing.PIECES
    path.write_bytes(path.read_bytes()[:-5] + damage)
    _new(store)
    export(store.folder)
    found = written(store)
    shutil.rmtree(store.folder / TABLES)
    export(store.folder)
    assert found["gradients.csv"] == written(store)["gradients.csv"]


def test_a_record_that_changes_unseen_by_its_stamp_is_seen_by_its_digest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamped, "_SETTLES", 10**12)
    shutil.rmtree(store.folder / TABLES)
    export(store.folder)
    path, of_file = store.record_path(FIRST), stamped.stamp
    kept = of_file(path)
    store.write(record(FIRST, gradients=[gradient("variance", 7.0)]))
    monkeypatch.setattr(stamped, "stamp", lambda other: kept if other == path else of_file(other))
    export(store.folder)
    assert b",7.0," in (store.folder / TABLES / "gradients.csv").read_bytes()


def test_what_is_left_out_is_said_each_time(store: Store) -> None:
    store.record_path(FIRST).write_text("{")
    for _ in range(2):
        told: list[str] = []
        export(store.folder, errors="skip", warn=told.append)
        assert [sentence.startswith("left out: ") for sentence in told] == [True]


def test_the_order_of_estimators_is_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamps(store)
    monkeypatch.setattr(type(exported.ESTIMATORS), "names", lambda self: ["rebar"])
    export(store.folder)
    assert stamps(store) != before
