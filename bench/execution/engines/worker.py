"""One of this machine's processes that run jobs: its parent tells it when to end, and it reports what happens."""

import os
import signal
import threading
from multiprocessing.connection import Client, Connection
from typing import Final

from bench.execution.job import Job, Outcome, run_job
from bench.execution.relay import Event

_parent: Final[list[Connection]] = []
"""The connection to the parent, once there is one."""


def begin(address: str, key: bytes, gpus: tuple[str, ...], variables: dict[str, str]) -> None:
    """Make this process a worker.

    Args:
        address: where its parent listens.
        key: by which they know each other.
        gpus: those that workers are given in turn; none on a CPU.
        variables: of the environment; what it was forked from has those of an earlier command.
    """
    os.environ.clear()
    os.environ.update(variables)
    # Ctrl-C is for the parent, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Client(address, authkey=key)
    slot: int = connection.recv()
    connection.send(os.getpid())
    if gpus:
        # Before CUDA is begun, so that this process sees no other.
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    threading.Thread(target=_end_with_parent, args=[connection], daemon=True).start()
    _parent.append(connection)


def work(job: Job) -> Outcome:
    """Run a job, and tell the parent what happens meanwhile."""
    (connection,) = _parent

    def tell(event: Event) -> None:
        connection.send(event)

    return run_job(job, tell)


def _end_with_parent(connection: Connection) -> None:
    """End this process at once when its parent is gone, however that ended; cells go on at their checkpoints."""
    try:
        # It sends nothing more.
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)
