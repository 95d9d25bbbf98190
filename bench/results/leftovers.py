"""What killed processes leave in a results folder, and who removes it."""

from pathlib import Path
from typing import Final

from bench.results.atomic import TEMPORARY, remove_abandoned

LOCK: Final = ".lock"
"""The lock of all that is written in a folder."""
RUNS: Final = "runs"
"""The folder of the notes about invocations."""
CHECKS: Final = "check.json"
"""The verdicts of `bench check --out`."""
FIGURES: Final = "figures"
"""The folder of the figures that a run draws."""
REPORT: Final = "report.html"
"""The report that a run writes."""

TABLES: Final = "tables"
"""The folder of the tables and of the cache."""

_TRAJECTORY: Final = "trajectory-*.pt"

_PROBES: Final = (".writable-*", "..writable-*")
"""Of versions that tried with a file of that name whether a folder takes one."""


def trajectory_path(task_folder: Path, key: str) -> Path:
    """Return where the reference trajectory of an id is, or will be."""
    return task_folder / _TRAJECTORY.replace("*", key)


def trajectory_lock(trajectory: Path) -> Path:
    """Return the lock of a reference trajectory."""
    return trajectory.with_suffix(".lock")


def trajectories(task_folder: Path) -> list[Path]:
    """Return the reference trajectories that are kept of a task."""
    return sorted(task_folder.glob(_TRAJECTORY))


def remove_temporaries(folder: Path) -> None:
    """Remove half-written files of a folder; the caller holds the lock of all that write to it."""
    for left_behind in folder.glob(TEMPORARY):
        left_behind.unlink(missing_ok=True)


def remove_strays(results: Path) -> None:
    """Remove from a results folder what belongs to no cell, and that no process is still writing."""
    for pattern in _PROBES:
        for probe in results.glob(pattern):
            probe.unlink(missing_ok=True)
    for folder in {path.parent for path in results.glob(f"*/.trajectory-{TEMPORARY}")}:
        remove_abandoned(folder)
    for name in (RUNS, FIGURES):
        remove_abandoned(results / name)
    for name in (CHECKS, REPORT):
        remove_abandoned(results, name)
