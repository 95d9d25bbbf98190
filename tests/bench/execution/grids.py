"""Grids of the cheapest cells, run by several processes, and what their tables must have in common."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from tests.timed import TIMED

ROOT: Final = Path(__file__).resolve().parents[3]
CHEAPEST: Final = ("--task", "gaussian-quadratic", "--no-train", "--replicates", "40", "--evaluation-samples", "5")
"""Words of `bench run` that make a cell cost as little as one can."""

_CLOCKS: Final = {
    "gradients": ("run",),
    "training": ("seconds",),
    "final": ("seconds", "seconds_per_step", "started", "run", "notes"),
}
"""By table, the columns that are the clock's, or say what else has run meanwhile."""

PLUGIN: Final = '''
import os
import signal
from pathlib import Path

from estimators.score_function.reinforce import Reinforce


class Killed(Reinforce):
    """Ends the first process that is not the one that plans."""

    def estimate(self, task, x, samples):
        if os.getpid() != int(os.environ["PLANNER"]) and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().estimate(task, x, samples)


class Fails(Reinforce):
    """Cannot be measured."""

    def evaluations(self, samples):
        return samples

    def estimate(self, task, x, samples):
        if Path("planned").exists():
            raise RuntimeError("out of luck")
        return super().estimate(task, x, samples)
'''
"""Estimators of somebody's own that go wrong."""


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a results folder, times left out."""
    found: dict[str, pd.DataFrame] = {}
    for name, clocks in _CLOCKS.items():
        frame = pd.read_parquet(folder / "tables" / f"{name}.parquet").drop(columns=[*clocks], errors="ignore")
        found[name] = frame.loc[~frame["metric"].isin(TIMED)].reset_index(drop=True) if "metric" in frame else frame
    return found


def require_same(one: Path, other: Path) -> None:
    """Fail unless two folders have the same tables, to the last bit, times left out."""
    for name, frame in tables(one).items():
        pd.testing.assert_frame_equal(frame, tables(other)[name], check_exact=True)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a command whose caches are in a folder, and which computes with one thread."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "BENCH_CACHE": str(folder / "cache"),
        "BENCH_DATA": str(folder / "data"),
        "BENCH_COST_SECONDS": "0",
    }


def words(*arguments: str) -> Sequence[str]:
    """Return the command `bench` with its arguments."""
    return [sys.executable, "-m", "varbench", *arguments]
