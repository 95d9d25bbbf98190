"""The process that this machine's workers are forked from: it imports what they need, which takes seconds, once.

It does so beside the command, which plans meanwhile. Where forks of what libraries have begun are not safe, which is
everywhere but on Linux, each worker is a process of loky's that imports for itself.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Final, final

from bench.machine.info import cores

_IS_SAFE: Final = sys.platform == "linux"
_IMPORTS: Final = "bench.execution.engines.imports"
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""What libraries read when they are imported."""


def begin(at_once: int) -> None:
    """Let it import, for that many workers, and return at once; if it exists, do nothing."""
    if not _IS_SAFE:
        return
    forkserver.set_forkserver_preload([_IMPORTS])
    # Ctrl-C is for the command, which ends its workers; a signal that is blocked here is blocked there.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with surroundings(threads(at_once)), _without_main():
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def descent(at_once: int) -> BaseContext | None:
    """Return how so many workers come about; None for loky's own way."""
    begin(at_once)
    return _Forks() if _IS_SAFE else None


def threads(at_once: int) -> dict[str, str]:
    """Return how many threads libraries are to begin in each of so many workers, as variables that they read."""
    share = str(max(1, cores() // at_once))
    return {name: os.environ.get("OMP_NUM_THREADS", share) for name in _THREADS}


@contextmanager
def surroundings(values: Mapping[str, str]) -> Iterator[None]:
    """Begin processes with some variables, and so that no file of the working folder is a module that they import.

    loky and Python have processes beside the workers, which clean up after them; these take this one's environment.
    """
    values = {**values, "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_main() -> Iterator[None]:
    """Begin processes that do not run the command's own file again, which a script may not be made for."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@final
class _Fork(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:
        with _without_main():
            return ForkServerProcess._Popen(process_obj)


@final
class _Forks(ForkServerContext):
    Process = _Fork
