"""`bench run --time-limit` and `--memory-limit`: how they are written, and what becomes of the cells of a grid."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

import varbench
from bench.cli.limits import Bytes, Duration
from bench.measure import chunk
from tests.bench.cli.conftest import Bench

TOY = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--replicates", "40", "--steps", "6")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60", 60.0), ("1.5s", 1.5), (".5 m", 30.0), ("10m", 600.0), ("2H", 7200.0), ("1d", 86400.0), ("0.001", 0.001)],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("4GB", 4 * 10**9), ("1.5 gb", 1_500_000_000), ("4GiB", 4 << 30), ("500MB", 5 * 10**8), ("64kib", 65536)],
)
def test_sizes(text: str, count: int) -> None:
    assert Bytes().convert(text, None, None) == count


@pytest.mark.parametrize("text", ["", "m", "0", "-5", "1e3", "nan", "inf", "5 minutes", "1h30m", "٣", "9" * 400])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration: give seconds, or a number with s, m, h or d"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["", "4", "GB", "0GB", "-1GB", "1e3MB", "0.0001KB", "4G", "infGB", "9" * 400 + "GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a size: give a number with KB, MB, GB, TB"):
        Bytes().convert(text, None, None)


def ended() -> dict[int, Any]:
    return dict(varbench.load("results").final.set_index("samples")["status"])


def test_a_limited_cell_is_a_hit_until_its_limit_is_higher(bench: Bench) -> None:
    outcome = bench(*TOY, "--time-limit", "0.001")
    assert outcome.code == 7
    assert "1 of 1 cells reached a limit:\n" in outcome.err
    assert "limited: time limit of 0.001 s reached at step 0 of 6, while measuring" in outcome.err
    assert "Traceback" not in outcome.err
    again = bench(*TOY, "--time-limit", "0.001")
    assert again.code == 7
    assert "; with a higher --time-limit it continues" in again.err
    dry = bench(*TOY, "--time-limit", "1h", "--dry-run")
    assert "run   gaussian-quadratic · reinforce · K=1 · seed 0  (limited at step 0, where it continues)" in dry.out
    Path("sweep.toml").write_text('time-limit = "1h"\n')
    last = bench(*TOY, "--config", "sweep.toml")
    assert last.code == 0
    assert "run again, since it continues where a limit stopped it" in last.err
    assert ended() == {1: "done"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--time-limit", "soon"), "'soon' is not a duration"),
        (("--memory-limit", "4"), "'4' is not a size"),
        (("--config", "sweep.toml"), "sweep.toml: 'memory-limit': it must be a text in quotes, not 4"),
    ],
)
def test_a_wrong_limit_is_refused_in_one_sentence(bench: Bench, words: tuple[str, ...], said: str) -> None:
    Path("sweep.toml").write_text("memory-limit = 4\n")
    outcome = bench(*TOY, *words)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_limit_of_a_file_is_of_all_of_it(bench: Bench) -> None:
    Path("sweep.toml").write_text('[[sweep]]\ntask = "ppca"\ntime-limit = 60\n')
    outcome = bench("run", "--config", "sweep.toml", "--estimator", "reparam")
    assert outcome.code == 2
    assert "'time-limit' applies to the whole file" in outcome.err
    Path("sweep.toml").write_text("time-limit = 60\n")
    assert bench(*TOY, "--config", "sweep.toml", "--dry-run").code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory of a CPU cannot be limited")
def test_a_cell_that_needs_more_memory_is_limited_and_the_next_one_is_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor of the first cell is 320 MB large."""
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 20)
    options = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--replicates", "40", "--no-train")
    outcome = bench(*options, "--samples", "40000000,2", "--memory-limit", "250MB")
    assert outcome.code == 7
    assert "limited: memory limit of 250 MB reached while measuring" in outcome.err
    assert ended() == {40_000_000: "limited", 2: "done"}
    hit = bench(*options, "--samples", "40000000,2", "--memory-limit", "200MB")
    assert hit.code == 7
    assert "; with a higher --memory-limit it continues" in hit.err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory of a CPU cannot be limited")
@pytest.mark.usefixtures("bench")
def test_less_is_drawn_at_once_where_that_fits() -> None:
    """A tensor of one replicate is 1.6 MB large, and chunks of two, four, … are tried.

    In a process of its own, since one may use again what it has given back, which is no more than it had.
    """
    options = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--replicates", "300", "--no-train")
    command = [sys.executable, "-m", "varbench", *options, "--samples", "200000", "--memory-limit", "100MB"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (size,) = varbench.load("results").final["chunk"]
    assert size <= 32
    assert not Path("cache/chunks.json").exists()
