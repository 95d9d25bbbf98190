"""Work of a run of checks in several processes at a time."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from bench.errors import BenchError
from bench.machine.transforms import import_transforms

if TYPE_CHECKING:
    from multiprocessing.pool import IMapIterator

T = TypeVar("T")
R = TypeVar("R")


def can_fork() -> bool:
    """Return whether checks can run side by side: where forks are safe, and no GPU's state would be forked."""
    return sys.platform == "linux" and not torch.cuda.is_available()


def side_by_side(work: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[R]:
    """Yield `work(item)` for each item in order, several at a time; to stop iterating ends the processes.

    Args:
        work: what is done; it may hold functions, which only a fork hands on.
        items: to be pickled, as results are.
        jobs: processes; one does it in this one.

    Raises:
        BenchError: the system ended a process.
    """
    jobs = min(jobs, len(items))
    if jobs < 2:
        yield from map(work, items)
        return
    import_transforms()
    others = set(multiprocessing.active_children())
    with multiprocessing.get_context("fork").Pool(jobs, _adopt, (work,)) as pool:
        workers = set(multiprocessing.active_children()) - others
        results = pool.imap(_adopted_work, items)
        for _ in items:
            yield _next(results, workers)


def _next(results: "IMapIterator[R]", workers: set[BaseProcess]) -> R:
    """Return the next result; a pool would wait forever for that of a process that is gone."""
    while True:
        try:
            return results.next(timeout=1.0)
        except multiprocessing.TimeoutError:
            if not all(worker.is_alive() for worker in workers):
                raise BenchError(
                    "the system ended a process of this check, perhaps for lack of memory: try `--jobs 1`"
                ) from None


_adopted: list[Callable[[Any], Any]] = []


def _adopt(work: Callable[[Any], Any]) -> None:
    """Take over work in a forked process, which leaves Ctrl-C to its parent and has one core to itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent's handler is Python's, which runs only once a call returns: a process that has just begun to wait for
    # work would wait forever, and whoever ends it for it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    _adopted.append(work)


def _adopted_work(item: Any) -> Any:
    return _adopted[-1](item)
