"""Jobs in several processes of this machine, which are kept from one job to the next."""

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, final

import torch
from joblib.externals import loky

from bench.errors import MachineTrouble
from bench.execution.engines import ancestor, worker
from bench.execution.engines.engine import Ears
from bench.execution.engines.switchboard import Switchboard
from bench.execution.job import Job, Outcome
from bench.execution.relay import Begin, Event

_DEATHS: Final = 3
"""Of processes that ran a job beside others, after which it is run with nothing beside it, once."""


@final
class Local:
    """Runs jobs in processes of this machine.

    A process may be killed at any moment, as the system does where memory is short: what it ran is run again. Whoever
    interrupts this one ends all of them at once.

    Args:
        at_once: how many there are.
        threads: that each of them computes with.
        gpus: that they are given in turn; none on a CPU.
    """

    def __init__(self, at_once: int, threads: int, gpus: Sequence[str] = ()) -> None:
        self.at_once, self.threads, self._gpus = at_once, threads, tuple(gpus)
        self.note = f"{at_once} at a time on one machine"
        of = f"{len(gpus)} GPU{'s' * (len(gpus) > 1)}" if gpus else f"{threads} thread{'s' * (threads > 1)} each"
        self.where = f"{at_once} processes, {of}"

    def run(self, jobs: Sequence[Job], ears: Ears) -> Iterator[Outcome]:
        left = {job.name: job for job in jobs}
        deaths: Counter[str] = Counter()
        in_vain = 0
        while left:
            alone = next((name for name in left if deaths[name] >= _DEATHS), None)
            work = _Work([left[alone]] if alone else [*left.values()], ears)
            try:
                for outcome in self._run(work):
                    in_vain = 0
                    del left[outcome.job.name]
                    yield outcome
            except loky.BrokenProcessPool:
                died = [name for name in work.begun() if name in left]
                deaths.update(died)
                in_vain = 0 if died else in_vain + 1
                if in_vain >= _DEATHS:
                    raise MachineTrouble("processes are killed before they start a cell") from None
                if alone in died:
                    yield Outcome(left.pop(alone), died=_killed(deaths[alone]))
                else:
                    ears.warn("a process was killed; its cell and those of the others are run again")

    def _run(self, work: "_Work") -> Iterator[Outcome]:
        """Give what comes of jobs until all are done, or a process dies.

        Raises:
            BrokenProcessPool: one has died, and all others were ended.
        """
        size = min(self.at_once, len(work.jobs))
        with Switchboard(work.hear, work.ears.rest) as board, self._pool(board, size) as pool:
            try:
                futures = [pool.submit(worker.work, job) for job in work.jobs]
            except (EOFError, ConnectionError) as gone:
                # What they are forked from was killed.
                raise loky.BrokenProcessPool from gone
            for future in loky.as_completed(futures):
                yield future.result()

    @contextmanager
    def _pool(self, board: Switchboard, size: int) -> Iterator[loky.ProcessPoolExecutor]:
        """Give processes, and end them however the block ends."""
        threads = ancestor.threads(self.at_once)
        # A process whose memory grows is ended by loky between two jobs, and another begun: nobody need know.
        with warnings.catch_warnings(), ancestor.surroundings({}):
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            warnings.filterwarnings("ignore", "Failed to kill subprocesses", UserWarning)
            pool = loky.ProcessPoolExecutor(
                size,
                context=ancestor.descent(self.at_once),
                env=threads,
                initializer=worker.begin,
                initargs=(board.address, board.key, self._gpus, {**os.environ, **threads}),
            )
            is_over = False
            try:
                yield pool
                is_over = True
            finally:
                pool.shutdown(wait=True, kill_workers=not is_over)


@final
class _Work:
    """Jobs that are run, and which of them were begun by whom."""

    def __init__(self, jobs: Sequence[Job], ears: Ears) -> None:
        self.jobs, self.ears = jobs, ears
        self._of = {one.cell.id: job.name for job in jobs for one in job.due}
        self._at: dict[int, str] = {}

    def hear(self, who: int, event: Event) -> None:
        """Hand on what a process tells, and note what it is at."""
        if isinstance(event, Begin):
            self._at[who] = self._of[event.cells[0]]
        self.ears.hear(who, event)

    def begun(self) -> set[str]:
        """Return the job that each process has begun last."""
        return set(self._at.values())


def _killed(times: int) -> str:
    return (
        f"the process that ran it was killed {times} times, as happens when memory runs out: with fewer --jobs there "
        f"is more memory for each"
    )


def gpus_here() -> tuple[str, ...]:
    """Return what `CUDA_VISIBLE_DEVICES` calls the GPUs that this process sees."""
    count = torch.cuda.device_count()
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return tuple(visible[:count]) if visible != [""] else tuple(map(str, range(count)))
