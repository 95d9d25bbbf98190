"""Jobs of a SLURM cluster, through submitit: an array whose elements run several groups of cells each."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, final

from bench.errors import BenchError, DeviceUnavailable, MachineTrouble, UsageError
from bench.execution.engines.engine import Ears
from bench.execution.engines.optional import needed
from bench.execution.job import Job, Outcome, run_quietly

_MINUTES: Final = 1440
AT_ONCE: Final = 32
_PACKS: Final = 4
"""How long an element may take unless somebody says; how many run at a time; how many there are for each of these."""
_LIVES: Final = 3
"""Times that an element is submitted whose process ends without a word; from the second on its groups go alone."""
_LOOK: Final = 2.0
"""Seconds between two looks at what has become of elements."""


@dataclass(frozen=True)
class Pack:
    """Jobs that one process runs, one after the other: it imports once for all of them."""

    jobs: tuple[Job, ...]
    lives: int = _LIVES

    def __call__(self) -> list[Outcome] | BenchError:
        """Run them, in a process of the cluster."""
        try:
            return [run_quietly(job) for job in self.jobs]
        except BenchError as error:
            return error

    def checkpoint(self) -> Any:
        """Return what submitit queues again when the cluster takes the machine away, or its time is over.

        Cells that are done by then are not run again, and the one that is cut off goes on at its own checkpoint.
        """
        return needed("submitit", "submitit", "slurm").helpers.DelayedSubmission(self)

    def parted(self) -> "list[Pack]":
        """Return packs to try again, of one job each."""
        return [Pack((job,), self.lives - 1) for job in self.jobs]


@final
class Slurm:
    """Runs jobs in a job array.

    The results folder is one that all machines see, under the same path; what submitit needs lies in it for as long as
    it is needed, and logs of elements that failed stay. Whoever interrupts this process cancels the array.

    Args:
        at_once: how many elements run at a time.
        threads: that each of them computes with, on so many cores.
        settings: SLURM's own, by name; `cluster=local` tries the same with processes of this machine.
        gpu: whether each gets a GPU.
        wait: whether somebody waits for the results.

    Raises:
        UsageError: submitit is not installed, or has no such setting.
        DeviceUnavailable: there is no SLURM here.
    """

    def __init__(
        self, at_once: int | None, threads: int, settings: Mapping[str, str], gpu: bool, wait: bool = True
    ) -> None:
        self._submitit = needed("submitit", "submitit", "slurm")
        self.at_once = at_once or AT_ONCE
        self.threads = int(settings.get("cpus_per_task", threads))
        self._is_local = settings.get("cluster") == "local"
        self._settings = {
            key: int(value) if value.isdigit() else value for key, value in settings.items() if key != "cluster"
        }
        self._gpu, self._wait = gpu, wait
        self.note = f"{self.at_once} at a time on one machine" if self._is_local else "on a SLURM cluster"
        self.where = f"{'submitit on this machine' if self._is_local else 'SLURM'}, {self.at_once} jobs at a time"
        if not self._is_local:
            # What is wrong is said before anything is run.
            self._executor(Path())

    def run(self, jobs: Sequence[Job], ears: Ears) -> Iterator[Outcome]:
        terms = replace(jobs[0].terms, out=jobs[0].terms.out.absolute())
        folder = terms.out / f".slurm-{terms.making.run}"
        count = min(len(jobs), self.at_once * (1 if self._is_local else _PACKS))
        # Each has a share of every part of the grid.
        packs = [Pack(tuple(replace(job, terms=terms) for job in jobs[start::count])) for start in range(count)]
        executor = self._executor(folder)
        running = dict(zip(executor.submit_array(packs), packs, strict=True))
        if not self._wait:
            ears.say(f"submitted as {', '.join(sorted({one.job_id.split('_')[0] for one in running}))}")
            return
        is_well = True
        try:
            while running:
                time.sleep(_LOOK)
                for one in [one for one in running if one.done()]:
                    pack = running.pop(one)
                    found = self._result(one)
                    if found is not None:
                        yield from found
                    elif pack.lives > 1:
                        ears.warn(f"job {one.job_id} ended without a result; its cells are run again")
                        again = pack.parted()
                        running.update(zip(executor.submit_array(again), again, strict=True))
                    else:
                        is_well, log = False, one.paths.stderr
                        why = f"its process ended without a result {_LIVES} times; its log is {log}"
                        yield Outcome(pack.jobs[0], died=why)
        finally:
            for one in running:
                with suppress(OSError, RuntimeError):
                    one.cancel(check=False)
        if is_well:
            rmtree(folder, ignore_errors=True)

    def _result(self, job: Any) -> list[Outcome] | None:
        """Return what came of an element, or None where its process ended without a word.

        Raises:
            BenchError: what it says is wrong with the machine or the code; with its log, if it is none of ours.
        """
        try:
            found: list[Outcome] | BenchError = job.result()
        except self._submitit.core.utils.FailedJobError as error:
            raise MachineTrouble(f"job {job.job_id} failed; see {job.paths.stderr}") from error
        except self._submitit.core.utils.UncompletedJobError:
            return None
        if isinstance(found, BenchError):
            raise found
        return found

    def _executor(self, folder: Path) -> Any:
        """Return what submits arrays, whose files lie in a folder.

        Raises:
            UsageError: submitit has no such setting.
            DeviceUnavailable: there is no SLURM here.
        """
        # Nothing of the working folder takes the place of a module of ours; plug-ins there are found behind all others.
        setup = [f"export OMP_NUM_THREADS={self.threads}", "export PYTHONSAFEPATH=1"]
        gpus = {"gpus_per_node": 1} if self._gpu else {}
        if self._is_local:
            executor = self._submitit.LocalExecutor(folder)
            executor.update_parameters(timeout_min=_MINUTES, setup=setup, **gpus)
            return executor
        own = {"job_name": "bench", "time": _MINUTES, "cpus_per_task": self.threads, "array_parallelism": self.at_once}
        try:
            executor = self._submitit.SlurmExecutor(folder)
            executor.update_parameters(**{**own, **gpus, **self._settings, "ntasks_per_node": 1, "setup": setup})
        except RuntimeError as error:
            raise DeviceUnavailable(
                f"--executor submitit finds no SLURM here ({error}): run it where `sbatch` is, or try the same on this "
                "machine with --slurm cluster=local"
            ) from error
        except (ValueError, NameError, TypeError) as error:
            raise UsageError(f"--slurm: {' '.join(str(error).split())}") from error
        return executor
