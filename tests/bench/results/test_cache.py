"""The cache of a large folder: the same tables with it as without, whatever has become of it or of the records."""

import json
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

import pytest
from filelock import FileLock
from pandas.testing import assert_frame_equal

from bench.errors import ResultsError
from bench.results import cache, stamped, store
from bench.results.cache import CACHE
from bench.results.leftovers import LOCK, TABLES
from bench.results.schema import SCHEMA_VERSION, Begun
from bench.results.standing import standings
from bench.results.store import TRACEBACK, Store
from bench.results.tables import Results, load, load_some
from tests.bench.results.samples import RUN, cell, gradient, record, sealed

CELLS = [cell(task=task, seed=seed) for task in ("a", "b") for seed in (10, 9)] + [
    cell(task="a", seed=9, dtype="float64")
]


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every folder have a cache, and every record be long written."""
    monkeypatch.setattr(stamped, "LARGE", 1)
    monkeypatch.setattr(stamped, "_SETTLES", -(10**12))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose cache has all of its records."""
    results = Store(tmp_path / "results")
    for number, one in enumerate(CELLS):
        results.write(record(one, gradients=[gradient("variance", number + 0.5), gradient("bias", number / 7)]))
    results.write_run(RUN)
    load(results.folder)
    assert (results.folder / TABLES / CACHE).is_file()
    return results.folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list to which the path of each record that is read is added."""
    paths: list[Path] = []
    of_file = store.read_record
    monkeypatch.setattr(store, "read_record", lambda path: (paths.append(path), of_file(path))[1])
    return paths


def told(folder: Path) -> tuple[Results, list[str]]:
    """Return what a folder has, and what is left out of it."""
    said: list[str] = []
    return load(folder, errors="skip", warn=said.append), said


def assert_same(one: tuple[Results, list[str]], other: tuple[Results, list[str]]) -> None:
    for table in fields(Results):
        assert_frame_equal(getattr(one[0], table.name), getattr(other[0], table.name))
    assert one[1] == other[1]


def assert_as_without_cache(folder: Path) -> tuple[Results, list[str]]:
    """Require that a folder is the same with its cache, once more, and without one; return what it has."""
    found = told(folder)
    assert_same(told(folder), found)
    shutil.rmtree(folder / TABLES)
    assert_same(told(folder), found)
    return found


def test_records_are_read_once(folder: Path, read: list[Path]) -> None:
    found = assert_as_without_cache(folder)
    assert len(read) == len(CELLS)
    assert found[0].final["seed"].tolist() == [9, 9, 10, 9, 10]
    assert len(found[0].gradients) == 2 * len(CELLS)


def test_what_is_new_is_read_and_what_is_gone_is_gone(folder: Path, read: list[Path]) -> None:
    new = Store(folder).write(record(cell(task="aa")))
    Store(folder).record_path(CELLS[0]).unlink()
    shutil.rmtree(Store(folder).record_path(CELLS[2]).parent)
    for _ in range(2):
        found, _ = told(folder)
        assert [path for path in read if path.exists()] == [new]
        assert found.final["task"].tolist() == ["a", "a", "aa", "b"]
    assert_as_without_cache(folder)


def _rewritten(path: Path) -> None:
    Store(path.parents[2]).write(record(CELLS[0], gradients=[gradient("variance", 7.0)]))


def _edited_by_hand(path: Path) -> None:
    """Change a digit, and see that neither size nor inode nor time of the last change of the content tell."""
    before = path.stat()
    with path.open("r+b") as file:
        at = file.read().index(b'"value": 0.5') + len(b'"value": ')
        file.seek(at)
        file.write(b"1")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_ino, now.st_mtime_ns) == (before.st_size, before.st_ino, before.st_mtime_ns)


def _edited_with_a_digest(path: Path) -> None:
    content = json.loads(path.read_bytes())
    del content["sha256"], content["schema_version"]
    content["gradients"][0]["value"] = 9.5
    version = json.loads(path.read_bytes())["schema_version"]
    path.write_bytes(sealed({"schema_version": version, "sha256": "0" * 64, **content}))


def _cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _of_the_future(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(f'"schema_version": {SCHEMA_VERSION}'.encode(), b'"schema_version": 99'))


def _of_another_cell(path: Path) -> None:
    shutil.copy2(Store(path.parents[2]).record_path(CELLS[1]), path)


def _moved(path: Path) -> None:
    """Give the cell's folder the name of another: the file in it is what it was."""
    path.parent.rename(path.parent.with_name(path.parent.name[:-16] + "0" * 16))


def _linked(path: Path) -> None:
    path.unlink()
    path.symlink_to(Store(path.parents[2]).record_path(CELLS[1]))


def _linked_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nothing")


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _put_back(path: Path) -> None:
    """Restore a copy, which is another file with the same content."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_rewritten, None),
        (_edited_by_hand, "its digest does not match"),
        (_edited_with_a_digest, None),
        (_cut_short, "is not a readable record"),
        (_of_the_future, "is not a readable record"),
        (_of_another_cell, "it is the record of another cell"),
        (_moved, "it is the record of another cell"),
        (_linked, "it is the record of another cell"),
        (_linked_to_nothing, "it is a link to nothing"),
        (_a_folder, "it is a folder"),
        (_put_back, None),
    ],
)
def test_a_record_that_is_another_file_is_read_again(
    folder: Path, read: list[Path], change: Callable[[Path], None], said: str | None
) -> None:
    path = Store(folder).record_path(CELLS[0])
    change(path)
    _, warnings = told(folder)
    assert [one.parent.parent.name for one in read] == [CELLS[0].task_folder]
    if said is None:
        assert not warnings
    else:
        assert said in "".join(warnings)
        with pytest.raises(ResultsError, match=said):
            load(folder)
    assert_as_without_cache(folder)


def _garbage(path: Path) -> None:
    path.write_bytes(b"varbench cache, sha256 \n{}\n")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _in_the_head(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"cells"', b'"celle"', 1))


def _first_table(path: Path) -> None:
    _flip(path, 0.2)


def _last_table(path: Path) -> None:
    _flip(path, 0.99)


def _flip(path: Path, share: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1
    path.write_bytes(data)


def _not_ours(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", [_garbage, _empty, _in_the_head, _first_table, _last_table, _cut_short, _linked_to_nothing, _not_ours]
)
def test_a_damaged_cache_is_made_anew(folder: Path, read: list[Path], damage: Callable[[Path], None]) -> None:
    whole = told(folder)
    assert not read
    damage(folder / TABLES / CACHE)
    assert_same(told(folder), whole)
    assert len(read) == len(CELLS)
    assert_same(told(folder), whole)
    assert len(read) == len(CELLS)


def test_the_cache_of_other_code_is_made_anew(folder: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "code_digest", lambda: "0" * 64)
    told(folder)
    assert len(read) == len(CELLS)
    told(folder)
    assert len(read) == len(CELLS)
    monkeypatch.setattr(cache, "code_digest", lambda: None)
    told(folder)
    told(folder)
    assert len(read) == 3 * len(CELLS)


def test_code_that_is_another_has_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = cache.code_digest()
    cache.code_digest.cache_clear()
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"other")
    other = cache.code_digest()
    cache.code_digest.cache_clear()
    assert None not in (now, other)
    assert now != other


def test_a_copy_of_a_folder_is_read_anew(folder: Path, read: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = Store(copy).record_path(CELLS[0])
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"value": 0.5', b'"value": 1.5'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    _, said = told(copy)
    assert len(read) == len(CELLS)
    assert "its digest does not match" in "".join(said)


def test_a_record_that_was_just_written_is_not_kept(
    folder: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamped, "_SETTLES", 3_600 * 10**9)
    path = Store(folder).write(record(cell(task="new")))
    for times in (1, 2):
        told(folder)
        assert read == [path] * times


def test_parts_of_a_folder_and_of_its_tables(folder: Path, read: list[Path]) -> None:
    assert load(folder / "a").final["seed"].tolist() == [9, 9, 10]
    only = load_some([folder], ["training"], "raise", pytest.fail)
    assert (len(only.gradients), len(only.training), len(only.final)) == (0, len(CELLS), len(CELLS))
    assert_frame_equal(only.gradients, load(folder).gradients.iloc[:0])
    assert not read
    twice = load(folder, folder / "a", folder)
    assert_frame_equal(twice.gradients, load(folder).gradients)


def test_rows_are_made_when_they_are_asked_for(folder: Path) -> None:
    found, whole = load(folder), load(folder)
    assert "gradients" not in vars(found)
    assert found.gradients is found.gradients
    assert "training" not in vars(found)
    with pytest.raises(AttributeError, match="results have no table 'gradient'"):
        found.gradient  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnusedExpression] - it is wrong
    assert_same((pickle.loads(pickle.dumps(found)), []), (whole, []))


def test_of_copies_that_differ_one_is_counted(folder: Path, tmp_path: Path) -> None:
    later = record(CELLS[0], gradients=[gradient("variance", 7.0)], started="2026-02-01T00:00:00+00:00")
    other = Store(tmp_path / "other")
    other.write(later)
    said: list[str] = []
    found = load(folder, other.folder, warn=said.append)
    assert found.gradients.loc[found.gradients["cell"] == CELLS[0].id, "value"].tolist() == [7.0]
    assert [sentence.startswith("the same cell has other numbers in") for sentence in said] == [True]


def test_text_that_no_column_holds_is_read_each_time(folder: Path, read: list[Path]) -> None:
    path = Store(folder).write(record(cell(task="stray"), reason="caf\udce9"))
    for times in (1, 2):
        found, _ = told(folder)
        assert r"caf\udce9" in found.final["reason"].dropna().tolist()
        assert read == [path] * times


def test_a_lost_cache_is_no_error(folder: Path, read: list[Path]) -> None:
    shutil.rmtree(folder / TABLES)
    (folder / TABLES).write_text("")
    told(folder)
    (folder / TABLES).unlink()
    (folder / TABLES).mkdir()
    with FileLock(folder / TABLES / LOCK):
        told(folder)
    assert not (folder / TABLES / CACHE).exists()
    assert len(read) == 2 * len(CELLS)


def test_what_a_killed_process_has_left_is_removed(folder: Path) -> None:
    left = folder / TABLES / f".{CACHE}.1234-0a1b2c3d.tmp"
    left.write_bytes(b"half")
    Store(folder).write(record(cell(task="new")))
    told(folder)
    assert sorted(path.name for path in (folder / TABLES).iterdir()) == [LOCK, CACHE]


def _read_and_check(folder: str) -> int:
    """Return how many looks at a folder in which records change found anything but whole records of each cell."""
    wrong = 0
    for _ in range(15):
        rows = load(folder).gradients
        values = rows.loc[rows["cell"] == CELLS[0].id, "value"].tolist()
        wrong += len(rows) != 2 * len(CELLS) or values[0] != values[1]
    return wrong


def _write_again(folder: str) -> int:
    for number in range(40):
        value = float(number)
        Store(folder).write(record(CELLS[0], gradients=[gradient("variance", value), gradient("mse", value)]))
    return 0


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        yield pool


def test_readers_and_writers_at_once(folder: Path, processes: ProcessPoolExecutor) -> None:
    _write_again(str(folder))
    work = [_write_again, *[_read_and_check] * 3]
    assert [one.result() for one in [processes.submit(call, str(folder)) for call in work]] == [0] * 4
    found, _ = assert_as_without_cache(folder)
    assert found.gradients.loc[found.gradients["cell"] == CELLS[0].id, "value"].tolist() == [39.0, 39.0]
    assert not list(folder.rglob("*.tmp"))


def test_a_version_that_is_newer_is_refused(folder: Path) -> None:
    path = Store(folder).record_path(CELLS[0])
    content = {**json.loads(path.read_bytes()), "schema_version": 99}
    path.write_bytes(sealed(content))
    with pytest.raises(ResultsError, match="schema version 99, but this varbench reads up to"):
        load(folder)
    assert told(folder)[0].final["seed"].tolist() == [9, 9, 9, 10]


def test_a_large_folder_stands_as_a_small_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Store(folder).write(record(cell(task="new"), status="failed", reason="no", gradients=[], training=[]))
    (failed.parent / TRACEBACK).write_text("Traceback")
    Store(folder).record_path(CELLS[0]).write_text("{")
    Store(folder).record_path(CELLS[1]).unlink()
    Store(folder).begin(Begun(CELLS[2], RUN.run))
    found = list(standings(Store(folder)))
    assert Counter(one.state for one in found) == {"done": 3, "failed": 1, "unreadable": 1, "interrupted": 1}
    monkeypatch.setattr(stamped, "LARGE", 1_000)
    assert list(standings(Store(folder))) == found
