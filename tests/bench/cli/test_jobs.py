"""`bench run --jobs`: cells in several processes, some of which die."""

import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

import bench as varbench
from bench.results.beside import how_beside
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import CHEAPEST, PLUGIN, environment, require_same, words

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are ended with signals, which Windows lacks")

GRID = (*CHEAPEST, "--estimator", "reinforce", "--estimator", "own:Killed", "--seeds", "0-1")


def test_a_grid_is_that_of_one_process_whatever_dies(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.py").write_text(PLUGIN)
    # Somebody's files whose names are those of others' modules are in nobody's way.
    for name in ("joblib", "random", "tasks"):
        Path(f"{name}.py").write_text("raise ImportError('it is not meant')")
    monkeypatch.setenv("PLANNER", str(os.getpid()))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    serial = bench("run", *GRID, "--out", "serial")
    assert serial.code == 0, serial.err
    parallel = bench("run", *GRID, "--out", "parallel", "--jobs", "2")
    assert parallel.code == 0, parallel.err
    assert Path("killed").exists()
    assert "a process was killed; its cell and those of the others are run again" in parallel.err
    assert "4 cells run on 2 processes, 1 thread each\n" in parallel.err
    assert "[4/4] gaussian-quadratic · " in parallel.err
    require_same(Path("serial"), Path("parallel"))
    assert parallel.out.splitlines()[0] == serial.out.splitlines()[0]
    found = varbench.load("parallel").final
    assert {how_beside(notes) for notes in found.notes} == {"2 at a time on one machine"}
    assert {how_beside(notes) for notes in varbench.load("serial").final.notes} == {""}
    assert found.run.nunique() == 1
    # What is there is nobody's work, and a part of it is no more.
    again = bench("run", *GRID, "--out", "parallel", "--jobs", "2", "--shard", "1/2")
    assert again.code == 0, again.err
    assert "shard 1/2: 2 of them" in again.err
    assert "processes" not in again.err
    compared = bench("compare", "serial", "parallel")
    assert "seconds not compared: they were measured beside other jobs (alone or 2 at a time on one machine)" in (
        " ".join(compared.err.split())
    )


def test_ctrl_c_ends_all_processes_at_once_and_leaves_what_goes_on(tmp_path: Path) -> None:
    # Chunks are measured for some seconds where nothing is known of them, and these trainings take minutes.
    long = ("--task", "gaussian-quadratic", "--estimator", "reinforce", "--at", "own", "--batch-seeds", "off")
    command = words("run", *long, "--steps", "1000000", "--checkpoints", "1", "--seeds", "0-2", "--jobs", "2")
    log = tmp_path / "log"
    environ = {**environment(tmp_path), "BENCH_CHECKPOINT_SECONDS": "0.2"}
    with log.open("w") as file:
        # A shell has what it runs in the background ignore the signal, tests as well.
        heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        running = subprocess.Popen(
            command, cwd=tmp_path, env=environ, stderr=file, start_new_session=True, preexec_fn=heeded
        )
        try:
            deadline = time.monotonic() + 120
            while len(list(tmp_path.glob("results/*/*/checkpoint.pt"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            interrupted = time.monotonic()
            os.killpg(running.pid, signal.SIGINT)
            assert running.wait(60) == 130, log.read_text()
        finally:
            running.kill()
    assert time.monotonic() - interrupted < 30
    assert log.read_text().splitlines()[-1].startswith("interrupted; finished cells are kept, and the same command")
    assert "Traceback" not in log.read_text()
    assert len(list(tmp_path.glob("results/*/*/checkpoint.pt"))) == 2
    assert _is_gone(running.pid)


def _is_gone(group: int) -> bool:
    """Return whether nobody of a group of processes is left, after some seconds at most."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--jobs", "0"), "'--jobs': 0 is not in the range x>=1"),
        (("--shard", "3/2"), "'3/2' is not a part of a grid: give i/n with i from 1 to n, such as 1/4"),
    ],
)
def test_what_cannot_be_is_refused(bench: Bench, options: tuple[str, ...], said: str) -> None:
    outcome = bench("run", *GRID[:-4], "--estimator", "reinforce", *options)
    assert outcome.code == 2
    assert said in outcome.err
    assert not Path("results").exists()


def test_shards_are_of_a_file_and_of_a_dry_run(bench: Bench) -> None:
    Path("sweep.toml").write_text('jobs = 2\nshard = "2/3"\nseeds = "0-5"\n')
    outcome = bench("run", *CHEAPEST, "--estimator", "reinforce", "--config", "sweep.toml", "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "shard 2/3: 2 of them" in outcome.err
    assert "2 of 2 cells would run into results/" in outcome.out
    parts = [bench("run", *CHEAPEST, "--estimator", "reinforce", "--shard", f"{i}/2", "--dry-run") for i in (1, 2)]
    assert ["1 of 1 cells would run" in parts[0].out, "0 of 0 cells would run" in parts[1].out] in (
        [True, True],
        [False, False],
    )
