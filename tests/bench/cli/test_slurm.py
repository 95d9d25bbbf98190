"""A grid through submitit: really in processes of this machine, and down to the submission script for SLURM."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from submitit.core.utils import UncompletedJobError

from bench.errors import UsageError
from bench.execution.asked import Asked
from bench.execution.engines import slurm
from bench.execution.engines.choice import engine_of
from bench.execution.engines.slurm import Pack, Slurm
from bench.execution.job import Outcome
from bench.results.store import Store
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import CHEAPEST, ROOT, require_same
from tests.bench.execution.test_engines import PLAN, Told, job

pytestmark = pytest.mark.skipif(os.name != "posix", reason="submitit is for Unix")

GRID = ("run", *CHEAPEST, "--estimator", "reinforce", "--seeds", "0-5")
PROGRAMS = {
    "srun": "exit 0",
    "sacct": "exit 0",
    "scancel": "exit 0",
    "sbatch": 'cp "$1" submitted.sh; echo Submitted batch job 4711',
}
"""What stands in for SLURM's programs."""


def test_submitit_runs_a_grid_on_this_machine(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    serial = bench(*GRID, "--out", "serial")
    assert serial.code == 0, serial.err
    local = ("--executor", "submitit", "--slurm", "cluster=local", "--jobs", "2")
    outcome = bench(*GRID, "--out", "out", *local)
    assert outcome.code == 0, outcome.err
    assert "6 cells run on submitit on this machine, 2 jobs at a time" in outcome.err
    assert "[6/6] gaussian-quadratic · reinforce · K=1 · seed " in outcome.err
    require_same(Path("serial"), Path("out"))
    assert not list(Path("out").glob(".slurm-*")), "all went well"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine look like one that SLURM is on."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, does in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.usefixtures("cluster")
def test_an_array_is_submitted_whose_elements_have_cores_a_signal_and_threads(
    bench: Bench,
) -> None:
    asked = ("--executor", "submitit", "--no-wait", "--jobs", "1", "--slurm", "partition=short")
    outcome = bench(*GRID, *asked, "--slurm", "cpus-per-task=2", "--slurm", "time=90")
    assert outcome.code == 6, outcome.err
    assert "submitted as 4711" in outcome.err
    assert "6 of 6 cells are being run by another process; the same command without `--no-wait`" in outcome.err
    script = Path("submitted.sh").read_text()
    lines = (
        "#SBATCH --array=0-3%1",
        "#SBATCH --partition=short",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --time=90",
        "#SBATCH --signal=USR2@90",
        "#SBATCH --ntasks-per-node=1",
        "export OMP_NUM_THREADS=2",
        "export PYTHONSAFEPATH=1",
    )
    for line in lines:
        assert line in script.splitlines(), script
    assert "submitit.core._submit" in script
    assert "gpus" not in script
    (folder,) = Path("results").glob(".slurm-*")
    assert len(list(folder.glob("4711_*_submitted.pkl"))) == 4


@pytest.mark.usefixtures("cluster")
def test_an_element_has_one_gpu(tmp_path: Path) -> None:
    engine = Slurm(8, 3, {}, gpu=True)
    text = engine._executor(tmp_path)._make_submission_file_text("a command", "x")
    for line in ("--gpus-per-node=1", "--cpus-per-task=3", "--time=1440"):
        assert f"#SBATCH {line}" in text


@pytest.mark.usefixtures("cluster")
def test_a_setting_that_is_none_is_refused(bench: Bench) -> None:
    outcome = bench(*GRID, "--executor", "submitit", "--slurm", "partitoin=short")
    assert outcome.code == 2
    assert "partitoin" in outcome.err
    assert not Path("results").exists()


def test_without_slurm_it_is_said_what_to_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    outcome = bench(*GRID, "--executor", "submitit")
    assert outcome.code == 4
    assert "finds no SLURM here" in outcome.err
    assert "--slurm cluster=local" in outcome.err
    refused = bench(*GRID, "--slurm", "partition=short")
    assert refused.code == 2
    assert "--slurm is for --executor submitit: give both, or neither" in refused.err
    with pytest.raises(UsageError, match="--dask names a scheduler"):
        engine_of(Asked(Path(), None, dry_run=False, plot=False, executor="submitit", dask="tcp://a:1"), "cpu")


def test_a_preempted_element_is_queued_again_and_runs_what_is_left(tmp_path: Path) -> None:
    pack = Pack((job(tmp_path, 0), job(tmp_path, 1)))
    first = pack()
    assert isinstance(first, list)
    stamps = [Store(tmp_path).stamp(cell) for cell in PLAN.cells]
    again = pack.checkpoint()
    assert again.function is pack
    second = again.result()
    assert [one.done for one in second] == [one.done for one in first]
    assert [Store(tmp_path).stamp(cell) for cell in PLAN.cells] == stamps


class Element:
    """A job of submitit's that is over."""

    job_id = "1_0"

    class paths:
        stderr = "the log"

    def __init__(self, pack: Pack, bad: str) -> None:
        self.pack, self.bad = pack, bad

    def done(self) -> bool:
        return True

    def result(self) -> list[Outcome]:
        if any(one.name == self.bad for one in self.pack.jobs):
            raise UncompletedJobError
        return [Outcome(one, done=(one.name,)) for one in self.pack.jobs]


def test_an_element_that_ends_without_a_word_is_tried_again_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job(tmp_path, 0), job(tmp_path, 1)]
    tried: list[list[str]] = []

    class Executor:
        def submit_array(self, packs: list[Pack]) -> list[Element]:
            tried.extend([one.name for one in pack.jobs] for pack in packs)
            return [Element(pack, jobs[0].name) for pack in packs]

    monkeypatch.setattr(Slurm, "_executor", lambda *_: Executor())
    monkeypatch.setattr(slurm, "_LOOK", 0.0)
    told = Told()
    found: dict[str, Any] = {one.job.name: one for one in Slurm(1, 1, {"cluster": "local"}, gpu=False).run(jobs, told)}
    both, bad, good = [one.name for one in jobs], jobs[0].name, jobs[1].name
    assert tried == [both, [bad], [good], [bad]]
    assert found[good].done == (good,)
    assert found[bad].died == "its process ended without a result 3 times; its log is the log"
    assert len(told.said) == 2
