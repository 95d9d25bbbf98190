import json
import math
import shutil
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import bench
from bench.errors import ResultsError
from bench.results.columns import TABLES
from bench.results.metrics import METRICS
from bench.results.schema import Final
from bench.results.store import Store
from bench.results.tables import WRITTEN, Results, export, load, require_runs
from tests.bench.results.samples import MEASUREMENT, RUN, cell, gradient, record, sealed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def _assert_documented(results: Results) -> None:
    for name, columns in TABLES.items():
        frame = getattr(results, name)
        assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == {c.name: c.dtype for c in columns}
        assert list(frame.columns) == [column.name for column in columns]


def test_an_empty_folder_has_the_documented_columns(tmp_path: Path) -> None:
    results = load(tmp_path)
    _assert_documented(results)
    assert all(getattr(results, table.name).empty for table in fields(results))


def test_every_measurement_becomes_a_row(store: Store) -> None:
    store.write(record())
    store.write(record(cell(seed=1), status="failed", reason="no", gradients=[], training=[], final=None, chunk=None))
    store.write_run(RUN)
    results = bench.load(store.folder)
    _assert_documented(results)
    row = results.gradients.iloc[1].to_dict()
    assert row["cell"] == cell().id
    assert (row["estimator"], row["estimator_parameters"]) == ("rebar", "learned=True, temperature=0.3")
    assert (row["step"], row["group"], row["metric"], row["value"], row["unit"]) == (
        *(100, "guide", "variance", 2.0),
        METRICS["variance"].unit,
    )
    assert len(results.gradients) == 4
    assert results.training["objective"].tolist() == [-180.5]
    final = results.final.set_index("seed")
    assert len(results.final) == 2
    assert final.loc[0, "test_elbo"] == -181.0
    assert final.loc[0, "training_guide_lr"] == 1e-2
    assert final.loc[1, "status"] == "failed"
    assert final.loc[1, ["test_elbo", "steps", "chunk", "unit"]].isna().all()
    assert results.runs["argv"].tolist() == ["bench run --task vae-mnist --estimator 'rebar(temperature=0.3)'"]


def test_only_the_seed_is_left_out_of_the_configuration(store: Store) -> None:
    other = cell(measurement=replace(MEASUREMENT, precision=0.01))
    for one in (cell(), cell(seed=1), cell(samples=5), cell(estimator_version=2), other):
        store.write(record(one))
    final = load(store.folder).final
    assert sorted(final.groupby("configuration").size()) == [1, 1, 1, 2]


def test_not_finite_values_stay_what_they_are(store: Store) -> None:
    store.write(record(gradients=[gradient("variance", math.inf), gradient("bias", math.nan)]))
    first, second = load(store.folder).gradients["value"]
    assert first == math.inf
    assert math.isnan(second)


def test_a_cell_is_counted_once_wherever_it_comes_from(store: Store, tmp_path: Path) -> None:
    """Filter "error" of the tests would make a failure of a warning about copies that are alike."""
    store.write(record())
    copy = tmp_path / "copy"
    shutil.copytree(store.folder, copy)
    shutil.copytree(copy / "vae-mnist", copy / "vae-mnist-again")
    for found in (load(store.folder, copy), load([store.folder, copy]), load(str(store.folder), [str(copy)])):
        assert len(found.final) == 1
        assert_frame_equal(found.gradients, load(store.folder).gradients)


def test_of_copies_that_differ_the_last_is_counted_and_they_are_named(store: Store, tmp_path: Path) -> None:
    store.write(record())
    later = record(gradients=[gradient("variance", 7.0)], started="2026-02-01T00:00:00+00:00")
    other = Store(tmp_path / "other").write(later).parent
    told: list[str] = []
    found = load(other.parent.parent, store.folder, warn=told.append)
    assert found.gradients["value"].tolist() == [7.0]
    [sentence] = told
    assert sentence.index(str(store.folder)) < sentence.index(str(other))
    with pytest.warns(UserWarning, match="the same cell has other numbers"):
        load(other.parent.parent, store.folder)


def test_parts_of_a_results_folder_load(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = store.write(record()).parent
    store.write(record(cell(seed=1)))
    store.write(record(cell(task="other")))
    store.write_run(RUN)
    assert load(one).final["seed"].tolist() == [0]
    assert len(load(one.parent).final) == 2
    assert len(load(one.parent, one, store.folder).final) == 3
    monkeypatch.chdir(tmp_path)
    assert len(load().final) == 3
    monkeypatch.chdir(one)
    assert len(load(".").final) == 1
    assert len(load(".").runs) == 1


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="nothing does not exist: give the folder"):
        load(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="file is not a folder"):
        load(tmp_path / "file")


def test_a_damaged_record_is_an_error_unless_told_otherwise(store: Store) -> None:
    store.write(record())
    store.write(record(cell(seed=1))).write_text("{")
    with pytest.raises(ResultsError, match="not a readable record"):
        load(store.folder)
    told: list[str] = []
    assert load(store.folder, errors="skip", warn=told.append).final["seed"].tolist() == [0]
    assert [sentence.startswith("left out: ") and "seed1" in sentence for sentence in told] == [True]


def test_what_utf8_cannot_hold_is_spelled_out(store: Store) -> None:
    stray = "caf\udce9"
    rows = [gradient("variance", 1.0, reference=stray)]
    store.write(record(cell(task_parameters={"file": stray}), reason=stray, notes=[stray], gradients=rows))
    store.write_run(replace(RUN, argv=["bench", stray]))
    export(store.folder)
    found = load(store.folder)
    [final] = found.final[["task_parameters", "reason", "notes"]].to_numpy().tolist()
    assert final == [r"file=caf\udce9", r"caf\udce9", r"caf\udce9"]
    assert found.gradients["reference"].tolist() == [r"caf\udce9"]
    assert found.runs["argv"].str.contains("udce9").all()


def test_a_damaged_note_of_a_run_is_left_out_and_named(store: Store) -> None:
    store.write(record())
    store.write_run(RUN)
    store.write_run(replace(RUN, run="other")).write_text("{")
    told: list[str] = []
    found = load(store.folder, warn=told.append)
    assert found.runs["run"].tolist() == [RUN.run]
    assert len(found.final) == 1
    assert [sentence.startswith("left out: ") and "other.json" in sentence for sentence in told] == [True]
    with pytest.raises(ResultsError, match=r"other\.json is not a readable note of a run"):
        require_runs([store.folder])


def test_exported_tables_are_the_loaded_ones(store: Store) -> None:
    store.write(record())
    store.write_run(RUN)
    export(store.folder)
    store.write(record(cell(seed=1), final=Final("nats", 3, objective=-math.inf)))
    written = export(store.folder)
    assert sorted(path.name for path in written) == sorted(
        f"{name}.{suffix}" for name in WRITTEN for suffix in ("parquet", "csv")
    )
    results = load(store.folder)
    for name in WRITTEN:
        columns, expected = TABLES[name], getattr(results, name)
        tables = store.folder / "tables"
        assert_frame_equal(pd.read_parquet(tables / f"{name}.parquet"), expected)
        types = {column.name: column.dtype for column in columns}
        no_text = {column.name: "" for column in columns if column.dtype == "string"}
        read = pd.read_csv(tables / f"{name}.csv", dtype=types)  # type: ignore[arg-type]
        assert_frame_equal(read.fillna(no_text), expected.fillna(no_text))


def test_tables_that_cannot_be_written_are_an_error(store: Store) -> None:
    store.write(record())
    (store.folder / "tables").write_text("")
    with pytest.raises(ResultsError, match="cannot write"):
        export(store.folder)


def test_two_hundred_cells_are_loaded(store: Store) -> None:
    gradients = [
        gradient(metric, 1 / 3, step, group)
        for step in range(6)
        for group in ("all", "guide", "model")
        for metric in METRICS
    ]
    training = [replace(record().training[0], step=step) for step in range(50)]
    full = record(gradients=gradients, training=training)
    path = store.write(full)
    content = json.loads(path.read_text())
    for seed in range(1, 200):
        other = cell(seed=seed)
        content["cell"] = other.identity()
        path = store.record_path(other)
        path.parent.mkdir()
        path.write_bytes(sealed(content))
    results = load(store.folder)
    assert len(results.gradients) == 200 * len(gradients)
    assert len(results.training) == 200 * len(training)
