from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.errors import ResultsError
from bench.results.store import Begun, Store
from tests.bench.results.samples import MEASUREMENT, RUN, TRAINING, cell, record


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def _status(folder: Path) -> Result:
    return CliRunner().invoke(cli, ["status", "--out", str(folder)], catch_exceptions=False)


def _interrupt(store: Store, seed: int, run: str | None = None) -> None:
    with store.lock(cell(seed=seed)):
        store.checkpoint_path(cell(seed=seed)).write_text("")
        if run is not None:
            store.begin(Begun(cell(seed=seed), run))


def _next(store: Store) -> str:
    return _status(store.folder).stderr.splitlines()[-1].removeprefix("next: ")


def test_every_state_is_told(store: Store) -> None:
    store.write(record())
    store.write(record(cell(seed=1), status="diverged", reason="NaN at step 7"))
    store.write(record(cell(seed=2), status="failed", reason="out of memory"))
    store.write(record(cell(seed=3))).write_text("{")
    with store.lock(cell(seed=4)):
        pass
    _interrupt(store, 5)
    with store.lock(cell(seed=6)):
        result = _status(store.folder)
    for expected in (
        "vae-mnist(hidden=200)  rebar(temperature=0.3, learned=True)  1     0  done         2026-01-01",
        "1  diverged     NaN at step 7\n",
        "2  failed       out of memory\n",
        "3  unreadable   ",
        "4  interrupted  before its first checkpoint\n",
        "5  interrupted  last checkpoint 20",
        "6  running\n",
    ):
        assert expected in result.stdout
    assert "delete it" in result.stdout
    assert "2 interrupted, " in result.stderr
    assert result.exit_code == 0


def test_a_cell_that_is_run_again_is_running(store: Store) -> None:
    store.write(record(status="failed", reason="out of memory"))
    with store.lock(cell()):
        result = _status(store.folder)
    assert "running" in result.stdout
    assert "out of memory" not in result.stdout
    assert f"next: `bench status --out {store.folder}` again" in result.stderr


def test_what_was_interrupted_is_continued_by_its_own_command(store: Store) -> None:
    store.write_run(RUN)
    store.write_run(replace(RUN, run="20260102T000000Z-abcdef", argv=["bench", "run", "--seeds", "1"]))
    store.write_run(replace(RUN, run="20260103T000000Z-abcdef", argv=["bench", "run", "--seeds", "2"]))
    first = "`bench run --task vae-mnist --estimator 'rebar(temperature=0.3)'`"
    _interrupt(store, 0, RUN.run)
    assert _next(store) == f"{first}, once more: it continues"
    _interrupt(store, 1, "20260102T000000Z-abcdef")
    assert _next(store) == f"{first} and `bench run --seeds 1`, once more: they continue"
    _interrupt(store, 2)
    assert _next(store).endswith("they continue; of 1 interrupted cells the command is not on record")


def test_a_command_that_is_not_on_record_is_not_guessed(store: Store) -> None:
    store.write_run(RUN)
    _interrupt(store, 0)
    assert _next(store) == "the `bench run` that was interrupted, once more; which command that was is not on record"


def test_settings_that_differ_are_named(store: Store) -> None:
    store.write(record())
    store.write(record(cell(training=replace(TRAINING, steps=50))))
    store.write(record(cell(measurement=replace(MEASUREMENT, at="shared", replicates=400))))
    store.begin(Begun(cell(training=replace(TRAINING, schedule="robbins-monro")), RUN.run))
    store.write(record(cell(estimator="reinforce")))
    printed = _status(store.folder).stdout
    for settings in (
        "steps=100 schedule=constant at=own",
        "steps=50 schedule=constant at=own",
        "steps=100 schedule=constant at=shared replicates=400",
        "steps=100 schedule=robbins-monro at=own",
    ):
        assert f"rebar(temperature=0.3, learned=True) {settings}  " in printed
    assert "reinforce(temperature=0.3, learned=True)  " in printed


def test_commands_quote_the_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "my results")
    assert f"--out '{store.folder}'`" in _next(store)
    store.write(record())
    assert _next(store) == f"`bench table '{store.folder}'`"


@pytest.mark.parametrize(("status", "following"), [("failed", "--rerun failed"), ("done", "`bench table ")])
def test_the_next_command_fits(store: Store, status: str, following: str) -> None:
    store.write(record(status=status))
    assert following in _status(store.folder).stderr.splitlines()[-1]


def test_a_folder_without_cells_says_how_to_begin(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        result = _status(folder)
        assert result.stdout == ""
        assert f"no cells in {folder}\nnext: `bench run" in result.stderr


def test_a_file_is_not_a_results_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="is not a folder"):
        _status(tmp_path / "file")
