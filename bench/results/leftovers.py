"""What killed processes leave in a results folder, and who may remove it: whoever holds the lock that they held."""

from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from bench.results.atomic import TEMPORARY

LOCK: Final = ".lock"
"""The lock of all that is written in a folder."""
RUNS: Final = "runs"
"""The folder of the notes about invocations."""
CHECKS: Final = "check.json"
"""The verdicts of `bench check --out`."""

_PROBES: Final = (".writable-*", "..writable-*")
"""Of versions that tried with a file of that name whether a folder takes one."""


def remove_temporaries(folder: Path) -> None:
    """Remove half-written files of a folder; the caller holds the lock of all that write to it."""
    for left_behind in folder.glob(TEMPORARY):
        left_behind.unlink(missing_ok=True)


def remove_strays(results: Path) -> None:
    """Remove from a results folder what belongs to no cell, and that no process is still writing."""
    for pattern in _PROBES:
        for probe in results.glob(pattern):
            probe.unlink(missing_ok=True)
    for half in results.glob(f"*/.trajectory-{TEMPORARY}"):
        # `.trajectory-ID.pt.PID-RANDOM.tmp`, written under the lock `trajectory-ID.lock`
        name = half.name.removeprefix(".").partition(".")[0]
        _remove(half, half.with_name(f"{name}.lock"))
    for half in (*(results / RUNS).glob(TEMPORARY), *results.glob(f".{CHECKS}.{TEMPORARY}")):
        _remove(half, half.with_name(LOCK))


def _remove(half: Path, lock: Path) -> None:
    """Remove a half-written file, unless somebody holds the lock under which it is written."""
    try:
        with FileLock(lock, timeout=0):
            half.unlink(missing_ok=True)
    except Timeout:
        return
