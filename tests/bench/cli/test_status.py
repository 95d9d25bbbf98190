from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.errors import ResultsError
from bench.results.store import Store
from tests.bench.results.samples import RUN, cell, record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def _status(folder: Path) -> Result:
    return CliRunner().invoke(cli, ["status", "--out", str(folder)], catch_exceptions=False)


def _interrupt(store: Store, seed: int) -> None:
    with store.lock(cell(seed=seed)):
        store.checkpoint_path(cell(seed=seed)).write_text("")


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
        "vae-mnist(hidden=200)  rebar(temperature=0.3, learned=True)  1  0     done         2026-01-01",
        "1     diverged     NaN at step 7\n",
        "2     failed       out of memory\n",
        "3     unreadable   ",
        "4     interrupted  before its first checkpoint\n",
        "5     interrupted  last checkpoint 20",
        "6     running\n",
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


def test_what_was_interrupted_is_to_be_continued(store: Store) -> None:
    _interrupt(store, 0)
    following = "next: the `bench run` that was interrupted, once more: it continues"
    assert _status(store.folder).stderr.splitlines()[-1] == following
    store.write_run(RUN)
    command = "bench run --task vae-mnist --estimator 'rebar(temperature=0.3)'"
    assert _status(store.folder).stderr.splitlines()[-1] == f"{following}; the last one was `{command}`"


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
