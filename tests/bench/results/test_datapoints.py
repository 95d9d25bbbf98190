"""The file of single test datapoints, and the table that is made of it."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from bench.errors import ResultsError
from bench.results import stamped
from bench.results.columns import DATAPOINTS, IDENTITY
from bench.results.datapoints import load_datapoints, save_datapoints
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tables import Results, load
from bench.results.validate import checked
from bench.settings import Cell
from tests.bench.results.samples import cell, points, record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def write(store: Store, of: Cell, *values: float) -> Record:
    """Write a record with the bounds of so many datapoints."""
    told = save_datapoints(store.datapoints_path(of), points(*values)) if values else None
    made = record(of, datapoints=told)
    store.write(made)
    return made


def test_numbers_come_back_to_the_last_bit(store: Store) -> None:
    values = points(0.1, -1e300, np.nan, np.inf)
    path = store.datapoints_path(cell())
    told = save_datapoints(path, values)
    found = load_datapoints(path, told)
    for name, column in values.items():
        assert found[name].tobytes() == column.tobytes()
    # As the page says, NumPy alone reads it.
    assert np.load(path, allow_pickle=False)["elbo"].tobytes() == values["elbo"].tobytes()
    assert save_datapoints(path, values) == told


def test_a_row_is_a_datapoint_of_a_cell(store: Store) -> None:
    write(store, cell(seed=1), -3.0)
    write(store, cell(seed=0), -1.0, -2.0)
    write(store, cell(seed=2))
    frame = load(store.folder).datapoints
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {one.name: one.dtype for one in DATAPOINTS}
    assert frame[["seed", "datapoint", "elbo", "log_likelihood"]].to_numpy().tolist() == [
        [0, 0, -1.0, 0.0],
        [0, 1, -2.0, -1.0],
        [1, 0, -3.0, -2.0],
    ]
    of_cells = load(store.folder).final.set_index("cell")
    for name in [column.name for column in IDENTITY[1:]]:
        assert frame[name].tolist() == [of_cells.loc[one, name] for one in frame["cell"]]


def test_a_large_folder_reads_them_with_its_cache_as_without(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamped, "LARGE", 2)
    monkeypatch.setattr("bench.results.stamped._SETTLES", -(10**12))
    for seed in range(3):
        write(store, cell(seed=seed), *range(seed + 1))
    first = load(store.folder).datapoints
    assert (store.folder / "tables" / "records.cache").is_file()
    monkeypatch.setattr("bench.results.reading.each_record", lambda *_: iter([]))
    assert_frame_equal(load(store.folder).datapoints, first)
    assert len(first) == 6


def test_they_are_read_when_they_are_asked_for_and_once(store: Store) -> None:
    write(store, cell(), -1.0)
    found = load(store.folder)
    frame = found.datapoints
    store.datapoints_path(cell()).write_bytes(b"damaged")
    assert found.datapoints is frame
    again: Results = pickle.loads(pickle.dumps(found))
    assert_frame_equal(again.datapoints, frame)
    assert len(load(store.folder).final) == 1


def test_some_cells_have_their_datapoints_alone(store: Store) -> None:
    write(store, cell(seed=0), -1.0, -2.0)
    write(store, cell(seed=1), -3.0)
    found = load(store.folder)
    assert found.of(found.final.iloc[1:]).datapoints["elbo"].tolist() == [-3.0]
    # A part of a folder, too.
    assert load(store.record_path(cell(seed=1)).parent).datapoints["elbo"].tolist() == [-3.0]


DAMAGE = {
    "cut": lambda data: data[:-8],
    "flipped": lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
    "empty": lambda data: b"",
    "another": lambda data: b"PK\x03\x04",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_was_not_written_is_an_error_or_left_out(store: Store, damage: Callable[[bytes], bytes]) -> None:
    write(store, cell(seed=0), -1.0, -2.0)
    write(store, cell(seed=1), -3.0)
    path = store.datapoints_path(cell(seed=0))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ResultsError, match=r"datapoints\.npy (has|does not have) .*--rerun failed"):
        _ = load(store.folder).datapoints
    said: list[str] = []
    frame = load(store.folder, errors="skip", warn=said.append).datapoints
    assert frame["elbo"].tolist() == [-3.0]
    assert [sentence.startswith("left out: ") and "datapoints.npy" in sentence for sentence in said] == [True]
    wrong = [one for one in checked(store) if one.why]
    assert [one.path for one in wrong] == [path]
    assert "only the table of single datapoints depends on it" in wrong[0].why


def test_a_file_that_was_removed_is_said(store: Store) -> None:
    write(store, cell(seed=0), -1.0)
    write(store, cell(seed=1), -3.0)
    store.datapoints_path(cell(seed=0)).unlink()
    said: list[str] = []
    assert load(store.folder, warn=said.append).datapoints["elbo"].tolist() == [-3.0]
    assert ["is missing; repeat the `bench run`" in sentence for sentence in said] == [True]


@pytest.mark.parametrize(
    "head",
    [
        "{'descr': [('elbo', '<f8'), ('elbo_se', '<f8'), ('log_likelihood', '<f8'), ('log_likelihood_se', '<f8')], "
        "'fortran_order': False, 'shape': (999999999999999,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }",
        "{'shape': ",
        "__import__('os').system('touch ran')",
    ],
    ids=["large", "pickled", "other", "cut", "code"],
)
def test_a_strangers_file_is_refused_before_there_is_memory_for_it(
    store: Store, head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = head.ljust(245).encode() + b"\n"
    path = store.datapoints_path(cell())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(32))
    with pytest.raises(ResultsError, match="it holds no datapoints"):
        load_datapoints(path)
    assert not Path("ran").exists()
    # Of a cell that was interrupted there is no record to tell of it.
    assert [one.path for one in checked(store) if "delete it" in one.why] == [path]


def test_whatever_is_in_the_head_is_refused_or_read_as_it_is(store: Store) -> None:
    path = store.datapoints_path(cell())
    save_datapoints(path, points(-1.0, -2.0))
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        place, value = int(generator.integers(0, len(whole) - 64)), int(generator.integers(0, 256))
        path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        try:
            assert load_datapoints(path).tobytes() == whole[-64:]
        except ResultsError:
            continue


def test_a_record_without_them_leaves_none_of_an_earlier_one(store: Store) -> None:
    write(store, cell(), -1.0)
    write(store, cell())
    assert not store.datapoints_path(cell()).exists()
    assert load(store.folder).datapoints.empty
