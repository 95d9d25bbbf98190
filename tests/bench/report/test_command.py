"""`bench report`, `bench run --report` and `varbench.report`: where the page goes, and what is said where it cannot."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

import varbench
from bench.results.tables import Results
from tests.bench.cli.conftest import Outcome, bench  # noqa: F401 - a fixture
from tests.bench.figures.grids import make

Bench = Callable[..., Outcome]


@pytest.fixture
def folder(bench: Bench) -> Path:  # noqa: F811 - the fixture's
    """Return a results folder within that of the test."""
    make(Path("results"), samples=(1,), seeds=(0, 1))
    return Path("results")


def test_it_writes_a_file_and_replaces_it_whole(bench: Bench, folder: Path) -> None:  # noqa: F811
    Path("report.html").write_text("of before", encoding="utf-8")
    outcome = bench("report")
    assert (outcome.code, outcome.out) == (0, "report.html\n")
    assert "next: open it in a browser" in outcome.err
    written = Path("report.html").read_bytes()
    assert written.startswith(b"<!doctype html>")
    assert b"reinforce-loo" in written
    assert len(written) < 2_000_000
    assert list(Path().glob(".*.tmp")) == []


def test_it_says_what_to_do_where_it_cannot(bench: Bench, folder: Path) -> None:  # noqa: F811
    Path("empty").mkdir()
    for arguments, told in (
        (("empty",), "there are no finished cells in empty: `bench run"),
        (("nowhere",), "nowhere"),
        ((str(folder), "--out", "empty"), "cannot write empty: it is a folder"),
        ((str(folder), "--out", "/proc/none/report.html"), "cannot write /proc/none/report.html"),
    ):
        outcome = bench("report", *arguments)
        assert outcome.code == 5, arguments
        assert told in outcome.err
        assert outcome.err.count("\n") == 1
    assert not Path("report.html").exists()


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
def test_the_extra_that_is_missing_is_named_before_anything_runs(
    bench: Bench,  # noqa: F811
    folder: Path,
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("bench.report.scripts.find_spec", lambda name: None if name == missing else found(name))
    run = ("run", "--task", "gaussian-quadratic", "--estimator", "reparam", "--no-train", "--report", "--out", "new")
    for arguments in (("report",), run):
        outcome = bench(*arguments)
        assert outcome.code == 2
        assert f"needs the package {missing}" in outcome.err
        assert "`pip install 'varbench[report]'`" in outcome.err
    assert not Path("new").exists()
    with pytest.raises(varbench.errors.UsageError, match="varbench"):
        varbench.report(folder)


def test_a_run_writes_it_into_its_folder(bench: Bench) -> None:  # noqa: F811
    arguments = ("--task", "gaussian-quadratic", "--estimator", "reparam", "--no-train", "--replicates", "40")
    outcome = bench("run", *arguments, "--report")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[-1] == "results/report.html"
    assert b"gaussian-quadratic" in Path("results/report.html").read_bytes()
    # It is no task, and no cell.
    assert bench("status").code == 0
    assert bench("results", "validate").code == 0


def test_python_writes_it_too(grid: Results, tmp_path: Path) -> None:
    file = varbench.report(grid, tmp_path / "mine.html")
    assert file == tmp_path / "mine.html"
    assert "no space left" in file.read_text(encoding="utf-8")
