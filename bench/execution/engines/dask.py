"""Jobs on a Dask cluster: one on this machine, or one whose scheduler is already running."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, final

from bench.errors import DeviceUnavailable, MachineTrouble
from bench.execution.engines.engine import Ears
from bench.execution.engines.optional import needed
from bench.execution.job import Job, Outcome, run_quietly

if TYPE_CHECKING:
    from distributed import Client, Future

_AGAIN: Final = 1
"""Times that a job is given once more when Dask has given it up, as it does after some deaths of workers."""
_PATIENCE: Final = 20.0
"""Seconds to wait for a scheduler, or without any worker until that is said."""
_LOOK: Final = 1.0
"""Seconds between two looks at whether the scheduler is there still."""


@final
class Dask:
    """Runs jobs in the workers of a Dask cluster.

    Workers must see the results folder under the same path, and run the same code. One that is killed is made up for.
    Whoever interrupts this process takes back what is not begun; a cell that runs on another machine comes to its end.

    Args:
        address: of the scheduler; None for workers of this machine, which end with this process.
        at_once: how many workers this machine gets; a cluster has its own number.
        threads: that each of them computes with.

    Raises:
        UsageError: Dask is not installed.
    """

    def __init__(self, address: str | None, at_once: int, threads: int) -> None:
        self._distributed = needed("distributed", "dask", "dask")
        self._address, self.at_once, self.threads = address, at_once, threads
        self.note = "on a Dask cluster" if address else f"{at_once} at a time on one machine"
        of = f"{threads} thread{'s' * (threads > 1)} each"
        self.where = f"the Dask cluster at {address}, {of}" if address else f"{at_once} Dask workers, {of}"

    def run(self, jobs: Sequence[Job], ears: Ears) -> Iterator[Outcome]:
        left = {job.name: _anywhere(job) for job in jobs}
        given_up: Counter[str] = Counter()
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            client = self._client(stack)
            # What waits for futures asks for the client that is current.
            stack.enter_context(client.as_current())
            futures = {self._submit(client, job): name for name, job in left.items()}
            while futures:
                for future in self._done(client, futures, ears):
                    name = futures.pop(future)
                    found = self._fetched(future)
                    if isinstance(found, Outcome):
                        yield replace(found, job=left.pop(name))
                    elif not isinstance(found, self._distributed.KilledWorker):
                        raise found
                    elif given_up[name] < _AGAIN:
                        given_up[name] += 1
                        ears.warn("workers were killed; their cells are run again")
                        futures[self._submit(client, left[name], f"-{given_up[name]}")] = name
                    else:
                        why = "every worker that ran it was killed, as happens when memory runs out"
                        yield Outcome(left.pop(name), died=why)

    def _client(self, stack: ExitStack) -> "Client":
        """Return the connection to the scheduler, which ends with the block."""
        address: Any = self._address
        if address is None:
            address = stack.enter_context(
                self._distributed.LocalCluster(
                    n_workers=self.at_once,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                    # The system knows better than a share of it how much memory there is.
                    memory_limit=0,
                    env={"OMP_NUM_THREADS": str(self.threads)},
                )
            )
        try:
            return stack.enter_context(self._distributed.Client(address, timeout=_PATIENCE, set_as_default=False))
        except (OSError, ValueError) as error:
            raise DeviceUnavailable(
                f"no Dask scheduler answers at {address}: start one with `dask scheduler`, or leave --dask out for "
                f"workers on this machine"
            ) from error

    def _submit(self, client: "Client", job: Job, again: str = "") -> "Future":
        # Under one name for two commands, a cell would be run on the terms of the first.
        return client.submit(run_quietly, job, key=f"bench-{job.terms.making.run}-{job.name}{again}", pure=False)

    def _done(self, client: "Client", futures: "dict[Future, str]", ears: Ears) -> "list[Future]":
        """Return futures that have come to their ends, waiting for the next.

        Raises:
            MachineTrouble: the scheduler is gone.
        """
        since, has_said = time.monotonic(), False
        while True:
            try:
                return list(self._distributed.wait(list(futures), timeout=_LOOK, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                is_there = client.status == "running"
            except CancelledError:
                is_there = False
            if not is_there:
                raise self._gone()
            if client.scheduler_info(n_workers=1)["workers"]:
                since = time.monotonic()
            elif not has_said and time.monotonic() - since > _PATIENCE:
                has_said = True
                ears.warn("the Dask cluster has no worker; waiting for one")

    def _fetched(self, future: "Future") -> Outcome | Exception:
        """Return what came of a job, or why nothing did.

        Raises:
            MachineTrouble: the scheduler is gone.
        """
        try:
            found: Any = future.exception() if future.status == "error" else future.result()
            return found
        except (OSError, CancelledError) as error:
            raise self._gone() from error

    def _gone(self) -> MachineTrouble:
        return MachineTrouble(f"the Dask scheduler{f' at {self._address}' if self._address else ''} is gone")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask says of connections and workers that are gone to itself: it is said in a sentence, once."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = {logger: logger.level for logger in loggers}
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)


def _anywhere(job: Job) -> Job:
    """Return a job whose folder is found from whatever folder a worker was started in."""
    return replace(job, terms=replace(job.terms, out=job.terms.out.absolute()))
