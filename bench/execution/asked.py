"""How the cells of an invocation are run."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.execution.companions import BatchSeeds
from bench.execution.limits import Limits
from bench.execution.recall import Rerun
from bench.execution.shard import Shard

Executor = Literal["local", "dask", "submitit"]


@dataclass(frozen=True)
class Asked:
    """How cells are run.

    Attributes:
        out: where results go.
        rerun: which finished cells are run again.
        dry_run: whether to say what would run, and stop.
        plot: whether the results are drawn.
        report: whether they are reported.
        batch_seeds: whether seeds are trained in one step.
        wait: whether cells that other processes run are waited for.
        jobs: how many cells, or seeds trained together, are run at a time; None where nobody has said.
        shard: the part of the cells that is run; all without.
        executor: who runs them.
        dask: address of the Dask scheduler; None for a cluster of this machine.
        slurm: options of SLURM's, by name.
        time_limit: seconds that a cell may take; None for as many as it needs.
        memory_limit: bytes, likewise.
        argv: the command, for the note about the invocation; this process's own unless given.
    """

    out: Path
    rerun: Rerun | None
    dry_run: bool
    plot: bool
    report: bool = False
    batch_seeds: BatchSeeds = "auto"
    wait: bool = True
    jobs: int | None = None
    shard: Shard | None = None
    executor: Executor = "local"
    dask: str | None = None
    slurm: tuple[tuple[str, str], ...] = ()
    time_limit: float | None = None
    memory_limit: int | None = None
    argv: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))

    @property
    def limits(self) -> Limits:
        """Return the limits of each cell."""
        return Limits(self.time_limit, self.memory_limit)
