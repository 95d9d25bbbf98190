"""A run that is killed continues and ends with the numbers of one that was not; processes share a folder safely."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import bench
from tests.timed import TIMED

COMMAND = (sys.executable, "-c", "from bench.cli import main; main()")
TRAINING = (
    "run", "--task", "vae-mnist(data=5k, latent=2, hidden=16, depth=1)", "--estimator", "reinforce-ema",
    "--steps", "1200", "--checkpoints", "4", "--replicates", "60", "--evaluation-samples", "5",
)  # fmt: skip


def start(folder: Path, cache: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "BENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1", "BENCH_CHECKPOINT_SECONDS": "0"}
    return subprocess.Popen(
        [*COMMAND, *arguments, "--out", str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What runs in the background of a shell ignores Ctrl-C, and would hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, (out, err)


def wait_for(pattern: str, folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, cache = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cache")
    finish(start(folder, cache, *TRAINING))
    return folder, cache


@pytest.mark.parametrize(
    ("how", "code", "word"),
    [
        (signal.SIGKILL, -signal.SIGKILL, b""),
        (signal.SIGINT, 130, b"interrupted;"),
        (signal.SIGTERM, 143, b"terminated;"),
    ],
)
def test_a_run_cut_off_in_training_ends_with_the_same_numbers(
    uninterrupted: tuple[Path, Path], tmp_path: Path, how: signal.Signals, code: int, word: bytes
) -> None:
    whole, cache = uninterrupted
    process = start(tmp_path, cache, *TRAINING)
    wait_for("*/*/checkpoint.pt", tmp_path, process)
    time.sleep(1.0)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, "the run ended before it could be cut off"
    assert word in err
    assert not list(tmp_path.glob("*/*/record.json"))
    finish(start(tmp_path, cache, *TRAINING))
    same(bench.load(whole), bench.load(tmp_path))


def same(one: bench.Results, other: bench.Results) -> None:
    clocks = ["seconds", "seconds_per_step", "started", "run"]
    for left, right in ((one.training, other.training), (one.final, other.final), (one.gradients, other.gradients)):
        pd.testing.assert_frame_equal(without(left, clocks), without(right, clocks), check_exact=True)


def without(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    kept = frame.drop(columns=columns, errors="ignore")
    return kept.loc[~kept["metric"].isin(TIMED)].reset_index(drop=True) if "metric" in kept else kept


def test_two_processes_write_different_cells_into_one_folder(tmp_path: Path) -> None:
    toy = ("run", "--task", "gaussian-quadratic", "--no-train", "--replicates", "400", "--seeds", "0-3")
    processes = [start(tmp_path / "out", tmp_path, *toy, "--estimator", name) for name in ("reinforce", "reparam")]
    for process in processes:
        finish(process)
    assert len(bench.load(tmp_path / "out").final) == 8
    assert len(pd.read_parquet(tmp_path / "out" / "tables" / "final.parquet")) == 8
