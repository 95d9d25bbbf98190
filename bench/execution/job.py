"""Cells that one process sees to: `run_job` runs them in any process, on any machine that has the results folder."""

import functools
import platform
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, final

import torch

from bench.errors import CellBusy, UsageError
from bench.execution.code import code
from bench.execution.companions import at_the_same_step
from bench.execution.grounds import built_with_data
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.note import new_run
from bench.execution.relay import Begin, Event, Phase, Relay
from bench.execution.runner import Runner
from bench.execution.sources import Source
from bench.machine.device import allow_tf32
from bench.machine.info import hardware
from bench.names.building import require_content
from bench.names.consent import name_modules
from bench.results.store import Store
from bench.settings import Cell
from tasks.base import Data


@dataclass(frozen=True)
class Due:
    """A cell that is to be run.

    Attributes:
        cell: which.
        source: what makes it.
        stamp: of the record that it had when it was found to be due; a later one is its result.
    """

    cell: Cell
    source: Source
    stamp: int | None


@dataclass(frozen=True)
class Terms:
    """What the jobs of an invocation have in common, so that any process can be sent one.

    Attributes:
        out: the results folder.
        making: what cells are made with.
        argv: the command.
        modules: whose code a person has named, so that it may be imported.
        threads: that each process computes with.
        tf32: whether a GPU may round float32 products to TF32.
        hardware: that the note about the invocation tells of.
        code: that a process must run.
    """

    out: Path
    making: Making
    argv: tuple[str, ...]
    modules: frozenset[str]
    threads: int
    tf32: bool
    hardware: dict[str, Any]
    code: str


@dataclass(frozen=True)
class Job:
    """Cells, and on what terms they are run."""

    due: tuple[Due, ...]
    terms: Terms

    @property
    def name(self) -> str:
        """Return what tells it from the invocation's others."""
        return self.due[0].cell.id


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        job: which.
        done: the cells that have a record now, by their ids.
        busy: those that another process is running, likewise.
        events: what there is to tell that has not been told yet.
        died: why no process got through with it; empty where one did.
    """

    job: Job
    done: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    events: tuple[Event, ...] = field(default=(), repr=False)
    died: str = ""


def see_to(due: Sequence[Due], store: Store, runner: Runner) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Run cells that are still due, under their locks; return the ids of those with a record, and of the busy ones.

    However often it is asked for the same cells, and by however many processes, each is run once.
    """
    left: list[Cell] = []
    done: list[str] = []
    busy: list[str] = []
    with ExitStack() as locks:
        for one in due:
            try:
                locks.enter_context(store.lock(one.cell))
            except CellBusy:
                busy.append(one.cell.id)
                continue
            # What another process has made in the meantime is a result, whatever was to be run again.
            if store.stamp(one.cell) == one.stamp:
                left.append(one.cell)
            else:
                done.append(one.cell.id)
        for group in at_the_same_step(left, store):
            done += [record.cell.id for record in runner.run(group)]
    return tuple(done), tuple(busy)


_one_at_a_time: Final = threading.Lock()
"""PyTorch's generators are those of a process: two jobs in threads beside each other would draw from the same."""


def run_job(job: Job, tell: Callable[[Event], object]) -> Outcome:
    """Run a job in this process.

    Args:
        job: which.
        tell: is told of what happens meanwhile.

    Raises:
        UsageError: this process runs other code than the one that made the job.
        MachineTrouble: the disk is full or the like; no cell is at fault.
    """
    with _one_at_a_time:
        terms = job.terms
        _require_same(terms.code)
        name_modules(terms.modules)
        torch.set_num_threads(terms.threads)
        allow_tf32(terms.tf32)
        kept = _kept(terms.making.run)
        store, making = Store(terms.out), kept.made_here(job)
        sources = {one.cell.id: one.source for one in job.due}
        runner = Runner(store, making, kept.of, sources, Relay(tell), kept.references)
        done, busy = see_to(job.due, store, runner)
        return Outcome(job, done, busy)


def run_quietly(job: Job) -> Outcome:
    """Run a job that reports nothing meanwhile; everything comes with the outcome."""
    events: list[Event] = []
    outcome = run_job(job, events.append)
    return replace(outcome, events=tuple(event for event in events if not isinstance(event, Begin | Phase)))


@final
class _Kept:
    """What a process keeps from one job of an invocation to the next."""

    def __init__(self) -> None:
        self.references = KnownReferences()
        self._data: dict[str, Data] = {}
        self._run: str | None = None

    def of(self, cell: Cell) -> Data:
        """Return the data of a cell's task.

        Raises:
            DataUnavailable: they are not there, or not those that the cell was planned with.
        """
        name = str(cell.task_spec)
        if name not in self._data:
            self._data[name] = built_with_data(cell.task_spec)[1]
        require_content(cell.task_spec, cell.dataset, self._data[name])
        return self._data[name]

    def made_here(self, job: Job) -> Making:
        """Return what cells are made with in this process, whose hardware has a note of its own where it is another."""
        terms = job.terms
        if hardware() == terms.hardware:
            return terms.making
        if self._run is None:
            run = new_run(terms.argv, [one.cell for one in job.due])
            Store(terms.out).write_run(run)
            self._run = run.run
        return replace(terms.making, run=self._run)


@functools.lru_cache(maxsize=1)
def _kept(run: str) -> _Kept:
    """Return what is kept of an invocation, until a job of another one comes."""
    return _Kept()


def _require_same(wanted: str) -> None:
    if code() != wanted:
        raise UsageError(
            f"a process on {platform.node()} runs {code()}, but the command that sent it cells runs {wanted}: let "
            f"both run the same, and restart workers after a change"
        )
