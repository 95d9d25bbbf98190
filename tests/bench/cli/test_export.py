"""`bench results export`: every value is a row of one table, and no cell is lost."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.results.datapoints import save_datapoints
from bench.results.frames import records, series, where
from bench.results.schema import Final, TrainingRow
from bench.results.store import Store
from bench.results.tables import load
from bench.results.values import VALUES, long_table
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import RUN, cell, gradient, points, record


@pytest.fixture
def results(bench: Bench) -> Path:
    """Return a folder with a finished cell, and one that has failed."""
    store = Store("results")
    store.write_run(RUN)
    store.write(
        record(
            gradients=[gradient("variance", 2.0)],
            training=[TrainingRow(100, 3.0, -180.5, 0.25, 1.0, float("nan"), 1e-3, 1e-2)],
            final=Final("nats per datapoint", 100, test_elbo=-181.0, test_elbo_se=0.5, active_units=7),
        )
    )
    store.write(record(cell(seed=1), status="failed", reason="=1+1", gradients=[], training=[], final=None, chunk=None))
    return store.folder


def test_each_value_is_a_row(bench: Bench, results: Path) -> None:
    values = long_table(load(results))
    assert list(values.columns) == [column.name for column in VALUES]
    assert {name: str(dtype) for name, dtype in values.dtypes.items()} == {
        column.name: {"string": "string"}.get(column.dtype, column.dtype) for column in VALUES
    }
    known = {(row.seed, row.table, row.metric): (row.step, row.value, row.unit) for row in records(values)}
    expected = {
        (0, "gradients", "variance"): (100, 2.0, "nats²/param²"),
        (0, "training", "seconds"): (100, 3.0, "s"),
        (0, "training", "objective"): (100, -180.5, "nats"),
        (0, "training", "gradient_norm_guide"): (100, 1.0, "nats/param"),
        (0, "training", "model_lr"): (100, 1e-3, ""),
        (0, "training", "guide_lr"): (100, 1e-2, ""),
        (0, "training", "beta"): (100, 1.0, "1"),
        (0, "training", "clipped"): (100, 0.0, "1"),
        (0, "final", "test_elbo"): (100, -181.0, "nats per datapoint"),
        (0, "final", "active_units"): (100, 7.0, "1"),
        (0, "final", "seconds"): (100, 12.5, "s"),
        (0, "final", "chunk"): (100, 50.0, "1"),
    }
    assert known.items() >= expected.items()
    # A norm that was not followed is a row, and what a task does not have is none.
    assert known.keys() - expected.keys() == {(0, "training", "gradient_norm_model"), (1, "final", "seconds")}


def test_what_a_cell_is_stands_beside_each_value(bench: Bench, results: Path) -> None:
    values, final = long_table(load(results)), load(results).final
    told = values.drop_duplicates("cell").reset_index(drop=True)
    names = ["cell", "task_parameters", "training_guide_lr", "measurement_replicates", "status", "reason", "run"]
    pd.testing.assert_frame_equal(told.filter(names), final.filter(names))
    assert set(values["run_torch"]) == {RUN.torch}
    ends = where(values, values["metric"] == "test_elbo").iloc[0]
    assert (ends["se"], round(ends["ci_low"], 2)) == (0.5, -181.98)


@pytest.mark.parametrize(
    ("out", "stem"), [("all", "all"), ("all.csv", "all"), ("v1.2", "v1.2"), ("paper", "paper/values")]
)
def test_both_files_hold_the_table(bench: Bench, results: Path, out: str, stem: str) -> None:
    Path("paper").mkdir()
    outcome = bench("results", "export", "--out", out)
    assert (outcome.code, outcome.out) == (0, f"{stem}.parquet\n{stem}.csv\n")
    expected = long_table(load(results))
    pd.testing.assert_frame_equal(pd.read_parquet(f"{stem}.parquet").astype(expected.dtypes), expected)
    table = pd.read_csv(f"{stem}.csv")
    assert list(table["value"]) == pytest.approx(list(expected["value"]), nan_ok=True)
    # What a spreadsheet would compute is text.
    assert table["reason"].iloc[-1] == "'=1+1"


def test_cells_of_several_folders_are_counted_once(bench: Bench, results: Path) -> None:
    Store("more").write(record())
    Store("more").write(record(cell(seed=5)))
    assert bench("results", "export", "results", "more", "--out", "all").code == 0
    seconds = pd.read_parquet("all.parquet").query("table == 'final' and metric == 'seconds'")
    assert list(seconds["seed"]) == [0, 1, 5]


def test_a_run_without_a_note_is_no_cell_less(bench: Bench, results: Path) -> None:
    Store("results").write(replace(record(cell(seed=2)), run="another"))
    values = long_table(load(results))
    of_cell = where(values, values["seed"] == 2)
    assert len(of_cell)
    assert series(of_cell, "run_torch").isna().all()


def test_nothing_is_written_of_nothing(bench: Bench) -> None:
    Path("results").mkdir()
    outcome = bench("results", "export", "--out", "all")
    assert outcome.code == 5
    assert outcome.err.startswith("Error: there are no finished cells in results: `bench run")
    assert not list(Path().glob("all*"))


def test_what_cannot_be_read_is_refused_or_left_out(bench: Bench, results: Path) -> None:
    (Path("results") / cell().folder / "record.json").write_text("{}")
    assert bench("results", "export", "--out", "all").code == 5
    assert not list(Path().glob("all*"))
    outcome = bench("results", "export", "--out", "all", "--skip-unreadable")
    assert outcome.code == 0
    assert "left out" in outcome.err


def test_single_datapoints_have_files_of_their_own(bench: Bench, results: Path) -> None:
    told = save_datapoints(Store(results).datapoints_path(cell()), points(-1.0, -2.0))
    Store(results).write(record(datapoints=told))
    Path("folder").mkdir()
    for out, prefix in (("all.csv", "all-per_datapoint"), ("folder", "folder/per_datapoint")):
        outcome = bench("results", "export", "--out", out)
        assert outcome.code == 0, outcome.err
        assert outcome.out.splitlines()[2:] == [f"{prefix}.parquet", f"{prefix}.csv"]
        frame = pd.read_parquet(f"{prefix}.parquet")
        assert frame["elbo"].tolist() == pd.read_csv(f"{prefix}.csv")["elbo"].tolist() == [-1.0, -2.0]


def test_a_damaged_file_of_datapoints_leaves_nothing_written(bench: Bench, results: Path) -> None:
    path = Store(results).datapoints_path(cell())
    Store(results).write(record(datapoints=save_datapoints(path, points(-1.0))))
    path.write_bytes(b"damaged")
    outcome = bench("results", "export", "--out", "all")
    assert outcome.code == 5
    assert "datapoints.npy has 7 bytes" in outcome.err
    assert not Path("all.parquet").exists()
    assert bench("results", "export", "--out", "all", "--skip-unreadable").code == 0
    assert Path("all.parquet").exists()
    assert not Path("all-per_datapoint.parquet").exists()
