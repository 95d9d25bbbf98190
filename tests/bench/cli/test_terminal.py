"""The shell around the commands: its encoding, its standard output, what a notebook left in its environment."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.terminal import replace_what_is_lacking
from tests.bench.cli.conftest import Outcome
from tests.bench.figures.grids import make
from tests.bench.pictures.trained import finish

Bench = Callable[..., Outcome]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a results folder."""
    folder = tmp_path_factory.mktemp("kept") / "results"
    make(folder, seeds=(0, 1))
    return folder


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("ascii", "-3 +- 2sigma2, phi in ?, cafe ... >= 1"),
        ("latin-1", "-3 ± 2sigma², phi in ?, café ... >= 1"),
        ("cp1252", "-3 ± 2sigma², phi in ?, café … >= 1"),
        ("utf-8", "−3 ± 2σ², φ in ∎, café … ≥ 1"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(encoding: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding=encoding))
    replace_what_is_lacking()
    for stream in (sys.stdout, sys.stderr):
        stream.write("−3 ± 2σ², φ in ∎, café … ≥ 1\n")
        stream.flush()
    assert written.getvalue().decode(encoding).splitlines() == [text, text]


def test_streams_that_are_closed_are_left_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    replace_what_is_lacking()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "command",
    [
        "list",
        "info reinforce",
        "status",
        "table",
        "table --across task --format markdown",
        "compare results results",
        "reproduce --list",
        "data list",
        "run --task gaussian-quadratic --estimator reinforce --no-train --replicates 40",
    ],
)
def test_a_command_prints_in_every_encoding(
    encoding: str, command: str, kept: Path, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(kept, tmp_path / "results")
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding=encoding, write_through=True))
    assert bench(*command.split()).code == 0
    assert written.getvalue().decode(encoding)


def test_a_notebook_s_backend_keeps_no_figure_from_being_drawn(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "that-of-a-notebook"}
    words = [sys.executable, "-m", "varbench", "plot", "weights"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "weights.pdf\n"), done.stderr


def test_a_figure_goes_to_standard_output_and_nothing_else_does(bench: Bench) -> None:
    outcome = bench("plot", "weights", "--format", "svg", "--out", "-")
    assert outcome.code == 0
    assert outcome.out.startswith("<?xml")
    assert outcome.out.endswith("</svg>\n")
    assert not list(Path().iterdir())
    both = bench("plot", "weights", "--format", "svg", "--out", "-", "--data")
    assert (both.code, both.out) == (2, "")
    assert "name the first with --out" in both.err


def test_a_single_picture_goes_to_standard_output(bench: Bench) -> None:
    finish(Path("results"), "vae-mnist(data=5k, latent=2, hidden=4, depth=1)")
    one = bench("samples", "--kind", "prior", "--format", "svg", "--out", "-")
    assert (one.code, one.out[:5], one.out[-7:]) == (0, "<?xml", "</svg>\n")
    several = bench("samples", "--format", "svg", "--out", "-")
    assert (several.code, several.out) == (2, "")
    assert "`--out -` takes one picture, but there are 5" in several.err


@pytest.mark.parametrize(
    "words",
    [
        ("plot", "weights", "--out", "."),
        ("plot", "weights", "--out", "file/figure.pdf"),
        ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--no-train", "--out", "file"),
        ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--no-train", "--out", "file/results"),
    ],
)
def test_where_nothing_can_be_written_the_code_is_5(bench: Bench, words: tuple[str, ...]) -> None:
    Path("file").touch()
    outcome = bench(*words)
    assert outcome.code == 5
    assert outcome.err.startswith(("Error: cannot write ", "Error: results cannot be written to file"))
    assert len(outcome.err.splitlines()) == 1
