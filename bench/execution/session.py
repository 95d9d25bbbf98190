"""The cells of one invocation: recalled, run here or sent to other processes, and waited for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from typing import final

import torch

from bench.errors import CellBusy, ResultsError
from bench.execution.asked import Asked
from bench.execution.board import Board
from bench.execution.checkpoint import discard, other_maker
from bench.execution.code import code
from bench.execution.companions import at_the_same_step
from bench.execution.console import Console
from bench.execution.engines.engine import Engine
from bench.execution.job import Due, Job, Outcome, Terms
from bench.execution.longest import longest_first
from bench.execution.making import Making
from bench.execution.messages import say, title
from bench.execution.meter import KnownReferences
from bench.execution.note import new_run
from bench.execution.plan import Plan
from bench.execution.recall import Rerun, recall
from bench.execution.runner import Runner, failed
from bench.execution.sources import Maker, sources_of
from bench.execution.tally import Tally
from bench.execution.teller import TerminalTeller
from bench.machine.info import hardware
from bench.names.consent import named_modules
from bench.results.apart import told_apart
from bench.results.beside import beside
from bench.results.schema import Record
from bench.results.store import FOREVER, Store
from bench.settings import Cell

__all__ = ["Asked", "Session"]


@final
class Session:
    """One invocation: what its cells have in common.

    Args:
        plan: says which they are.
        store: where results go.
        asked: how they are run.
        messages: what happens is said there.
        at_once: how many jobs are run at the same time.
    """

    def __init__(self, plan: Plan, store: Store, asked: Asked, messages: Console, at_once: int = 1) -> None:
        self.plan, self.store, self.asked, self.messages = plan, store, asked, messages
        self.sources = sources_of(plan.cells)
        self._apart = told_apart(plan.cells)
        records = {cell.id: store.record_path(cell).exists() for cell in plan.cells}
        due = {key: asked.rerun == "all" or not there for key, there in records.items()}
        self._tally = Tally(plan.cells, due, at_once)
        self._teller = TerminalTeller(messages, self._tally, self._apart)
        self._busy: list[tuple[Cell, int | None]] = []

    @cached_property
    def run_id(self) -> str:
        """The invocation's id; its note is written when the first cell runs."""
        run = new_run(self.asked.argv, self.plan.cells)
        self.store.write_run(run)
        return run.run

    @cached_property
    def _runner(self) -> Runner:
        making = Making(self.run_id, self.asked.rerun, limits=self.asked.limits)
        data = self.plan.data
        return Runner(
            self.store,
            making,
            lambda cell: data[str(cell.task_spec)],
            self.sources,
            self._teller,
            KnownReferences(),
        )

    def run_or_recall(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """Give the records of companions, running those that are due; none of a cell that another process runs yet."""
        due: list[Cell] = []
        with ExitStack() as locks:
            for cell in cells:
                try:
                    locks.enter_context(self.store.lock(cell))
                except CellBusy:
                    self._busy.append((cell, self.store.stamp(cell)))
                    continue
                found = self._recall(cell, self.asked.rerun)
                if found is None:
                    due.append(cell)
                else:
                    yield found
            for group in at_the_same_step(due, self.store):
                yield from self._runner.run(group)

    def send_or_recall(self, groups: Sequence[Sequence[Cell]], engine: Engine) -> Iterator[Record]:
        """Give the records of groups of companions, in any order; an engine's processes run those that are due.

        None of a cell that another process runs yet.
        """
        due: list[list[Due]] = []
        for group in groups:
            mine: list[Due] = []
            for cell in group:
                try:
                    with self.store.lock(cell):
                        found = self._recall(cell, self.asked.rerun)
                        stamp = self.store.stamp(cell)
                except CellBusy:
                    self._busy.append((cell, self.store.stamp(cell)))
                    continue
                if found is None:
                    mine.append(Due(cell, self.sources[cell.id], stamp))
                else:
                    yield found
            if mine:
                due.append(mine)
        if due:
            yield from self._sent(due, engine)

    def _sent(self, due: Sequence[Sequence[Due]], engine: Engine) -> Iterator[Record]:
        terms = Terms(
            self.asked.out,
            Making(self.run_id, self.asked.rerun, (beside(engine.note),), self.asked.limits),
            self.asked.argv,
            named_modules(),
            engine.threads,
            bool(torch.backends.cuda.matmul.allow_tf32),
            hardware(),
            code(),
        )
        jobs = longest_first([Job(tuple(one), terms) for one in due])
        cells = [one.cell for of_job in due for one in of_job]
        self._describe(cells, engine)
        with Board(self.messages, self.plan.cells, self._tally, self._apart, len(cells)) as board:
            for outcome in engine.run(jobs, board):
                for event in outcome.events:
                    board.hear(0, event)
                if outcome.died:
                    yield from self._failed(outcome)
                self._busy += [(one.cell, one.stamp) for one in outcome.job.due if one.cell.id in outcome.busy]
                yield from self._read(outcome)
                board.count(len(outcome.job.due))

    def _describe(self, cells: Sequence[Cell], engine: Engine) -> None:
        """Say what cells run on, and of each task what its data are."""
        say(self.messages, f"{len(cells)} cells run on {engine.where}", "")
        for task in dict.fromkeys(str(cell.task_spec) for cell in cells):
            if note := self.plan.data[task].note:
                say(self.messages, f"{task}: {note}", "")

    def _read(self, outcome: Outcome) -> Iterator[Record]:
        """Give the records that a job has written; of one that is gone or damaged since, the cell is seen to here."""
        done = set(outcome.done)
        for cell in (one.cell for one in outcome.job.due if one.cell.id in done):
            try:
                found = self.store.read(cell)
            except ResultsError:
                found = None
            if found is None:
                self._busy.append((cell, None))
            else:
                self._tally.found(cell)
                yield found

    def _failed(self, outcome: Outcome) -> Iterator[Record]:
        """Record cells that no process got through with, where none has left a record, and give their records."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for one in outcome.job.due:
            with self.store.lock(one.cell, FOREVER):
                record = self.store.read(one.cell) if self.store.stamp(one.cell) != one.stamp else None
                if record is None:
                    self._teller.about([one.cell], f" failed: {outcome.died}")
                    record = failed(one.cell, self.run_id, one.source, outcome.died, now, 0.0)
                    self.store.write(record)
            self._tally.found(one.cell)
            yield record

    def wait(self) -> Iterator[Record]:
        """Give the records of the cells that other processes were running, and run those that they left undone.

        They come last, so that processes that are given the same grid share its cells.
        """
        for cell, before in self._busy:
            self._teller.about([cell], ": another process is running it; waiting for its result")
            with self.store.lock(cell, FOREVER):
                # What the other process has just made is a result, whatever was to be run again.
                fresh = self.store.stamp(cell) != before
                found = self._recall(cell, None if fresh else self.asked.rerun)
                if found is None:
                    yield from self._runner.run([cell])
                else:
                    yield found

    def _recall(self, cell: Cell, rerun: Rerun | None) -> Record | None:
        known = self.store.read_or_set_aside(cell, self.messages.warn)
        source, checkpoint = self.sources[cell.id], self.store.checkpoint_path(cell)
        found, why = recall(cell, known, self.store, rerun, source, self.asked.limits)
        if found is not None:
            self.store.tidy(found)
            self._tally.found(cell)
            say(self.messages, f"{self._tally.place([cell])}{title(cell, apart=self._apart)}: {why}")
            return found
        if known is not None:
            self._teller.about([cell], f": run again, since {why}")
        if rerun == "all":
            discard(checkpoint)
        elif why := other_maker(checkpoint, Maker.of(source)):
            self._teller.about([cell], f": its checkpoint is not continued, since {why}; it starts again")
            discard(checkpoint)
        return None
