"""A grid on Dask clusters whose scheduler and workers are killed."""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bench.errors import UsageError
from bench.execution.asked import Asked
from bench.execution.engines import optional
from bench.execution.engines.choice import engine_of
from tests.bench.execution.grids import CHEAPEST, environment, require_same, words
from tests.long import LONG

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are ended with signals, which Windows lacks")

GRID = ("run", *CHEAPEST, "--estimator", "reinforce", "--estimator", "reinforce-loo", "--samples", "2")
COMMAND = (*GRID, "--seeds", "0-49")
PATIENCE = 240.0


def _wait(until: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not until():
        assert running.poll() is None, "it has ended before its time"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _records(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/*/record.json")}


def _unlucky(running: subprocess.Popen[str], chance: random.Random) -> bool:
    """Kill one of a command's workers; return whether there was one."""
    children = psutil.Process(running.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    if workers:
        chance.choice(workers).kill()
    return bool(workers)


@LONG
def test_no_cell_is_lost_when_scheduler_and_workers_are_killed(tmp_path: Path) -> None:
    environ, out, log = environment(tmp_path), tmp_path / "out", tmp_path / "log"
    common = {"cwd": tmp_path, "env": environ, "text": True}
    serial = subprocess.run(words(*COMMAND, "--out", "serial"), **common, capture_output=True, check=False)
    assert serial.returncode == 0, serial.stderr

    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--host", "127.0.0.1"]
    dask += ["--no-dashboard", "--scheduler-file", "scheduler.json"]
    with log.open("w") as quiet:
        scheduler = subprocess.Popen(dask, **common, stdout=quiet, stderr=quiet)
        _wait((tmp_path / "scheduler.json").exists, scheduler)
        (address,) = re.findall(r"tcp://[\d.:]+", (tmp_path / "scheduler.json").read_text())[:1]
        one = ["--nthreads", "4", "--no-nanny", "--no-dashboard", "--death-timeout", "5"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", address, *one], **common, stdout=quiet, stderr=quiet
        )
        asked = words(*COMMAND, "--out", "out", "--executor", "dask")
        running = subprocess.Popen([*asked, "--dask", address], **common, stderr=subprocess.PIPE)
        try:
            _wait(lambda: len(_records(out)) >= 10, running)
            scheduler.kill()
            _, said = running.communicate(timeout=PATIENCE)
        finally:
            for process in (running, worker, scheduler):
                process.kill()
                process.wait()
    assert running.returncode == 5, said
    assert f"Error: the Dask scheduler at {address} is gone; finished cells are kept, and the same command" in said
    assert "Traceback" not in said
    before = _records(out)
    assert 10 <= len(before) < 100

    running = subprocess.Popen([*asked, "--jobs", "2"], **common, stderr=subprocess.PIPE)
    chance = random.Random(14)
    try:
        for least in (len(before) + 1, len(before) + 8):
            _wait(lambda least=least: len(_records(out)) >= least, running)
            assert _unlucky(running, chance)
        _, said = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, said
    assert "distributed" not in said, "Dask's own words"
    assert "gaussian-quadratic · reinforce-loo · K=2 · seed 49 · took " in said
    now = _records(out)
    assert {name: now[name] for name in before} == before
    require_same(tmp_path / "serial", out)


def test_dask_is_asked_for_what_it_can_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(**how: object) -> Asked:
        return Asked(tmp_path, None, dry_run=False, plot=False, **how)  # pyright: ignore[reportArgumentType] - of each test

    with pytest.raises(UsageError, match=r"starts workers on this machine for the CPU only: use --jobs N without it"):
        engine_of(asked(executor="dask"), "cuda")
    with pytest.raises(UsageError, match=r"--dask names a scheduler, which only --executor dask uses"):
        engine_of(asked(dask="tcp://a:1"), "cpu")
    with pytest.raises(UsageError, match=r"--jobs is for workers on this machine, but the cluster"):
        engine_of(asked(executor="dask", dask="tcp://a:1", jobs=2), "cpu")

    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(optional, "import_module", missing)
    with pytest.raises(UsageError, match=r"needs the package distributed, which is not installed: `pip install 'varb"):
        engine_of(asked(executor="dask"), "cpu")
