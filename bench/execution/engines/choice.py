"""Which engine runs the cells of an invocation, by what was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from bench.errors import UsageError
from bench.execution.asked import Asked
from bench.execution.engines.engine import Engine
from bench.execution.engines.threads import own_threads, threads_of
from bench.machine.info import cores


def engine_of(asked: Asked, device: Literal["cpu", "cuda"]) -> Engine | None:
    """Return the engine that was asked for; None where cells are run one after the other in this process.

    Raises:
        UsageError: what was asked for does not go together, or a package is missing.
    """
    require_together(asked)
    if asked.executor == "dask":
        return _dask(asked, device)
    if asked.executor == "submitit":
        from bench.execution.engines.slurm import Slurm

        return Slurm(asked.jobs, own_threads(), dict(asked.slurm), device == "cuda", asked.wait)
    jobs = at_once_of(asked)
    if jobs == 1:
        return None
    # Imported where it is needed: a single process does without what starts others.
    from bench.execution.engines.local import Local, gpus_here

    return Local(jobs, threads_of(jobs), gpus_here() if device == "cuda" else ())


def _dask(asked: Asked, device: Literal["cpu", "cuda"]) -> Engine:
    # Imported where it is asked for: Dask is an optional package.
    from bench.execution.engines.dask import Dask

    if asked.dask is not None:
        return Dask(asked.dask, 1, own_threads())
    if device == "cuda":
        raise UsageError(
            "--executor dask starts workers on this machine for the CPU only: use --jobs N without it, or give --dask "
            "ADDRESS of a cluster whose workers see one GPU each"
        )
    jobs = at_once_of(asked)
    return Dask(None, jobs, threads_of(jobs))


def at_once_of(asked: Asked) -> int:
    """Return how many jobs will run at a time; 1 on a cluster that is not asked how many workers it has."""
    if asked.executor == "submitit":
        from bench.execution.engines.slurm import AT_ONCE

        return asked.jobs or AT_ONCE
    if asked.executor == "dask" and asked.dask is None:
        return asked.jobs or cores()
    return asked.jobs or 1


def require_together(asked: Asked) -> None:
    """Refuse options that say nothing to each other.

    Raises:
        UsageError: it says which.
    """
    if asked.dask is not None and asked.executor != "dask":
        raise UsageError("--dask names a scheduler, which only --executor dask uses: give both, or neither")
    if asked.dask is not None and asked.jobs is not None:
        raise UsageError("--jobs is for workers on this machine, but the cluster at --dask has its own: leave one out")
    if asked.slurm and asked.executor != "submitit":
        raise UsageError("--slurm is for --executor submitit: give both, or neither")


@contextmanager
def threads_as_in(engine: Engine | None) -> Iterator[None]:
    """Compute with as many threads as an engine's processes do: chunks of replicates, and so draws, depend on that."""
    before = torch.get_num_threads()
    if engine is not None:
        torch.set_num_threads(engine.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
