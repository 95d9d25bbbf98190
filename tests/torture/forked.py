"""Commands run in children of a process that has imported everything: one costs a second where a new one costs six."""

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import psutil

from tests.forks import measure_quickly, write_to

FIGURES: Final = ("matplotlib.backends.backend_pdf", "matplotlib.backends.backend_svg", "bench.figures.write")
"""What commands import that draw."""

_ALWAYS: Final = (
    "torch._dynamo",
    "torch.fx.experimental.proxy_tensor",
    "pyarrow.parquet",
    "bench.execution.invocation",
    "bench.cli.run",
    "bench.cli.plot",
    "estimators.score_function",
    "estimators.pathwise",
)
Whom = Literal["parent", "worker", "ancestor", "all"]
"""Of a command that runs cells in several processes, who is killed; workers are forked from their ancestor."""

_PATIENCE: Final = 300.0
"""Seconds after which a command hangs, usually."""


def prepare(cache: Path, imports: Iterable[str]) -> None:
    """Make this process one whose children run commands; nothing of `bench.execution` has been imported before.

    Checkpoints are written after each step, and what is measured is measured quickly.

    Args:
        cache: where chunks are remembered, on which draws depend.
        imports: what commands import only when they need it.
    """
    if "bench.execution.checkpoint" in sys.modules:
        raise RuntimeError("bench was imported before it could be told to write a checkpoint after each step")
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "BENCH_CHECKPOINT_SECONDS": "0",
        "BENCH_COST_SECONDS": "0",
        "BENCH_CACHE": str(cache),
        "MPLBACKEND": "agg",
    }
    import torch

    # A child has the thread that forked it and no other, so that there must not be any.
    torch.set_num_threads(1)
    for name in (*_ALWAYS, *imports):
        importlib.import_module(name)
    measure_quickly()
    # What a killed process has written is there, flushed to disk or not: no power fails here.
    os.fsync = lambda _: None


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; of one that a signal ended, minus that signal's number; None of one that hung.
        said: what it printed.
        seconds: how long it took.
    """

    code: int | None
    said: str
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@final
class Child:
    """A command that runs in a process of its own.

    Args:
        words: of the command, without `bench`.
        log: file for what it prints.
        before: what the process does first.
        after: what it does last, unless it is killed.
    """

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        sys.stdout.flush()
        self._log, self._begun = log, time.monotonic()
        self._process = os.fork()
        if self._process == 0:
            code = 99
            try:
                code = _run(words, log, before, after)
            finally:
                # Nothing of the parent's is flushed or cleaned up here.
                os._exit(code)

    def kill(self, whom: Whom, share: float = 0.0) -> int:
        """Kill it, some of its processes, or all, which are gone when this returns; return how many were killed.

        Workers are there for the last part of a command's time only: the first one is waited for, if one is to be
        killed, and it dies after a share of the second that it lives, about.
        """
        own = psutil.Process(self._process)
        ancestors, workers = _begun(own)
        while whom == "worker" and not workers and own.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
            ancestors, workers = _begun(own)
        if whom == "worker":
            time.sleep(share)
        victims: dict[Whom, list[psutil.Process]] = {
            "parent": [own],
            "worker": workers[:1],
            "ancestor": ancestors,
            "all": [own, *ancestors, *workers],
        }
        for victim in victims[whom]:
            # It may have ended by itself just now.
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        if whom in ("parent", "all"):
            # They end with their parent, which their locks do with them.
            _, left = psutil.wait_procs(workers, timeout=30)
            if left:
                raise RuntimeError(f"{len(left)} processes have outlived their parent")
        return len(victims[whom])

    def wait(self, kill_after: float | None = None, patience: float = _PATIENCE) -> Ended:
        """Wait for its end, or kill it after so many seconds; one that has not ended after `patience` hangs."""
        deadline = self._begun + (patience if kill_after is None else kill_after)
        hangs = False
        while True:
            ended, status = os.waitpid(self._process, os.WNOHANG)
            if ended:
                break
            if time.monotonic() >= deadline:
                hangs = kill_after is None
                os.kill(self._process, signal.SIGKILL)
                _, status = os.waitpid(self._process, 0)
                break
            time.sleep(0.002)
        code = None if hangs else os.waitstatus_to_exitcode(status)
        return Ended(code, self._log.read_text(errors="replace"), time.monotonic() - self._begun)


def _begun(own: psutil.Process) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Return what a command's workers are forked from, and the workers, those of a Dask cluster among them."""
    children = own.children()
    ancestors = [child for child in children if _is_begun_by(child, "forkserver")]
    forked: list[psutil.Process] = []
    for one in ancestors:
        # It may have ended just now.
        with suppress(psutil.NoSuchProcess):
            forked += one.children()
    return ancestors, [*forked, *(child for child in children if _is_begun_by(child, "spawn_main"))]


def _is_begun_by(process: psutil.Process, function: str) -> bool:
    """Return whether a process of Python's was begun with a function; Python has one more, that cleans up."""
    try:
        return function in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _run(words: Sequence[str], log: Path, before: Callable[[], object], after: Callable[[], object]) -> int:
    from bench.cli import main

    write_to(log, 1, 2)
    sys.argv = ["bench", *words]
    try:
        before()
        main(list(words))
    except SystemExit as left:
        after()
        return left.code if isinstance(left.code, int) else 99
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
