"""What an engine is: it maps `run_job` over jobs, in any processes."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from bench.execution.job import Job, Outcome
from bench.execution.relay import Event


class Ears(Protocol):
    """Who hears what the processes of an engine tell."""

    def hear(self, who: int, event: Event) -> None:
        """Take an event, and the number of the process that tells it."""

    def rest(self, who: int) -> None:
        """Take the number of a process that runs nothing any more."""

    def say(self, message: str) -> None:
        """Say a sentence that is about no single cell."""

    def warn(self, message: str) -> None:
        """Say, likewise, what is not as it should be."""


class Engine(Protocol):
    """Runs jobs.

    Attributes:
        threads: that each of its processes computes with.
        at_once: how many jobs run at the same time, where that is known; 1 where it is not.
        note: what is on record of the times that are taken in its processes.
        where: in words, what cells are run on.
    """

    threads: int
    at_once: int
    note: str
    where: str

    def run(self, jobs: Sequence[Job], ears: Ears) -> Iterator[Outcome]:
        """Give the outcomes of jobs as they arrive; to stop iterating ends the processes.

        Raises:
            MachineTrouble: what runs them is gone, or a disk is full.
        """
        ...
