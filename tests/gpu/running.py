"""Parts of the check on a GPU that run whole commands."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

import bench
from tests.gpu.report import DEVICE, ON_GPU, Report

SMALL: Final = ("--replicates", "40", "--checkpoints", "1", "--evaluation-samples", "5", "--no-wait")
_ROUNDING: Final = 1e-6
_SHARE: Final = """
import sys, torch
from bench.cli import main
torch.cuda.set_per_process_memory_fraction(0.02)
sys.argv[0] = "bench"
main()
"""
"""Runs the command in a process that may have 2% of the GPU's memory."""


def halving(report: Report) -> None:
    """Sixty-four seeds that do not fit at once are trained in halves."""
    seeds = 64 if ON_GPU else 2
    with tempfile.TemporaryDirectory() as folder:
        task = "sbn-mnist(data=5k)" if ON_GPU else "sbn-tiny"
        asked = ("run", "--task", task, "--estimator", "disarm", "--seeds", f"0-{seeds - 1}", "--samples", "2")
        more = ("--steps", "20", "--batch-size", "50", "--batch-seeds", "on", *SMALL)
        start = [sys.executable, "-c", _SHARE] if ON_GPU else [sys.executable, "-m", "varbench"]
        done = _ran([*start, *asked, *more, *_where(folder)])
        report.check(done.returncode == 0, f"ended with {done.returncode}: {_last(done.stderr)}")
        final = bench.load(folder).final
        sizes = ", ".join(map(str, sorted(set(final["seeds_together"]))))
        report.check(
            [*final["status"]] == ["done"] * seeds,
            f"{seeds} seeds, in steps of {sizes}",
        )
        if "halves" in done.stderr:
            report.say("memory did not suffice for all at once, and the run went on with halves")


def resume(report: Report) -> None:
    """A run that is killed and given again ends with the numbers of one that was not."""
    steps = "3000" if ON_GPU else "400"
    task = "linear-gaussian(dim=2,n=24)"
    asked = ("run", "--task", task, "--estimator", "nvil", "--seeds", "0-1", "--steps", steps, *SMALL, "--samples", "2")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "varbench", *asked]
        _ran([*command, *_where(f"{folder}/whole")])
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        killed = subprocess.Popen([*command, *_where(f"{folder}/killed")], env=_environment(), **quiet)
        deadline = time.perf_counter() + 60
        while not list(Path(folder, "killed").rglob("checkpoint*")) and time.perf_counter() < deadline:
            if killed.poll() is not None:
                break
            time.sleep(0.02)
        report.check(killed.poll() is None, "killed while it trained")
        killed.kill()
        killed.wait()
        again = _ran([*command, *_where(f"{folder}/killed")])
        report.check(again.returncode == 0, f"given again it ended with {again.returncode}: {_last(again.stderr)}")
        compare(report, *(_final(Path(folder, name)) for name in ("whole", "killed")))


def compare(report: Report, whole: pd.DataFrame, killed: pd.DataFrame) -> None:
    """Compare final values by seed: to the last bit, unless seeds that began together have ended apart.

    A replayed graph, and the plain steps before it is captured, launch the same kernels on the same numbers:
    parameters, moments, counts and generators are kept bit by bit, and no kernel of this step adds in an order of its
    own.
    """
    one, other = (final.loc[:, ["train_elbo", "test_elbo"]] for final in (whole, killed))
    far = float((one / other - 1).abs().max(axis=None))
    # Killed between two companions' checkpoints, they go on alone, and their matrices are multiplied in other shapes.
    together = bool((killed["seeds_together"] == whole["seeds_together"]).all())
    how = "that went on together" if together else "that went on apart"
    said = f"values of seeds {how} are within {far:.0e} of those of the other run"
    exact = one.equals(other)
    report.check(exact or (not together and far < _ROUNDING), f"{said}, {'equal' if exact else 'not equal'} to the bit")


def _final(folder: Path) -> pd.DataFrame:
    return bench.load(folder).final.set_index("seed").sort_index()


def _where(folder: str) -> tuple[str, ...]:
    return ("--out", folder, "--device", DEVICE.type)


def _environment() -> dict[str, str]:
    return {**os.environ, "BENCH_CHECKPOINT_SECONDS": "0.2", "BENCH_COST_SECONDS": "0"}


def _ran(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False, timeout=200)


def _last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:150]
