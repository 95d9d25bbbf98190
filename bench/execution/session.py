"""The cells of one invocation: locked, recalled or run, and recorded whatever becomes of them."""

import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import final

import torch

from bench.errors import BenchError, CellBusy, machine_trouble, named
from bench.execution.checkpoint import discard, other_maker
from bench.execution.companions import BatchSeeds, at_the_same_step
from bench.execution.console import Console
from bench.execution.messages import say, title
from bench.execution.meter import KnownReferences
from bench.execution.note import new_run
from bench.execution.plan import Plan
from bench.execution.progress import Said, TerminalListener, shares
from bench.execution.recall import Rerun, recall
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Maker, sources_of
from bench.execution.tally import Tally
from bench.names.strangers import said
from bench.results.apart import told_apart
from bench.results.atomic import placing
from bench.results.schema import Record
from bench.results.store import FOREVER, Begun, Store
from bench.settings import Cell
from bench.training.trace import NotBatchable
from tasks.base import Data


@dataclass(frozen=True)
class Asked:
    """How cells are run.

    Attributes:
        out: where results go.
        rerun: which finished cells are run again.
        dry_run: whether to say what would run, and stop.
        plot: whether the results are drawn.
        batch_seeds: whether seeds are trained in one step.
        wait: whether cells that other processes run are waited for.
    """

    out: Path
    rerun: Rerun | None
    dry_run: bool
    plot: bool
    batch_seeds: BatchSeeds = "auto"
    wait: bool = True


@final
class Session:
    """One invocation: what its cells have in common."""

    def __init__(self, plan: Plan, store: Store, asked: Asked, messages: Console) -> None:
        self.plan, self.store, self.asked, self.messages = plan, store, asked, messages
        self.references = KnownReferences()
        self.sources = sources_of(plan.cells)
        self._apart = told_apart(plan.cells)
        self._said = Said()
        records = {cell.id: store.record_path(cell).exists() for cell in plan.cells}
        self._tally = Tally(plan.cells, {key: asked.rerun == "all" or not there for key, there in records.items()})
        self._described: set[str] = set()
        self._busy: list[tuple[Cell, int | None]] = []

    @cached_property
    def run_id(self) -> str:
        """The invocation's id; its note is written when the first cell runs."""
        run = new_run(sys.argv, self.plan.cells)
        self.store.write_run(run)
        return run.run

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
                yield from self._run(group)

    def wait(self) -> Iterator[Record]:
        """Give the records of the cells that other processes were running, and run those that they left undone.

        They come last, so that processes that are given the same grid share its cells.
        """
        for cell, before in self._busy:
            say(self.messages, f"{self._title(cell)}: another process is running it; waiting for its result")
            with self.store.lock(cell, FOREVER):
                # What the other process has just made is a result, whatever was to be run again.
                fresh = self.store.stamp(cell) != before
                found = self._recall(cell, None if fresh else self.asked.rerun)
                if found is None:
                    yield from self._run([cell])
                else:
                    yield found

    def _title(self, *cells: Cell) -> str:
        return title(*cells, apart=self._apart)

    def _recall(self, cell: Cell, rerun: Rerun | None) -> Record | None:
        known = self.store.read_or_set_aside(cell, lambda message: say(self.messages, f"warning: {message}"))
        source, checkpoint = self.sources[cell.id], self.store.checkpoint_path(cell)
        found, why = recall(cell, known, self.store, rerun, source)
        if found is not None:
            self.store.tidy(found)
            self._tally.found(cell)
            say(self.messages, f"{self._tally.place([cell])}{self._title(cell)}: {why}")
            return found
        if known is not None:
            say(self.messages, f"{self._title(cell)}: run again, since {why}")
        if rerun == "all":
            discard(checkpoint)
        elif why := other_maker(checkpoint, Maker.of(source)):
            say(self.messages, f"{self._title(cell)}: its checkpoint is not continued, since {why}; it starts anew")
            discard(checkpoint)
        return None

    def _run(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """Run cells in one step, or one by one where that is not possible; give their records."""
        first, left = cells[0], list(cells)
        # Without training there is no step to take for several at once, or as a CUDA graph.
        if first.training.steps and (len(cells) > 1 or first.device == "cuda"):
            try:
                for record in self._run_together(cells):
                    left.remove(record.cell)
                    self._tally.found(record.cell)
                    yield record
                return
            except (BenchError, BrokenPipeError):
                raise
            except torch.OutOfMemoryError:
                halves = [half for half in (left[: len(left) // 2], left[len(left) // 2 :]) if half]
                why = "there is not enough memory for so many at once"
            except NotBatchable as reason:
                halves, why = [], str(reason)
            except Exception as error:
                self._require_machine(error)
                halves, why = [], named(error)
            if len(halves) > 1:
                say(self.messages, f"{self._title(*left)}: {why}; trained as {len(halves)} halves")
                torch.cuda.empty_cache()
                for half in halves:
                    yield from self._run(half)
                return
            how = "one by one" if len(left) > 1 else "without a CUDA graph"
            say(self.messages, f"{self._title(*left)}: trained {how}, since {why}")
        for cell in left:
            yield self._run_alone(cell)

    def _run_together(self, cells: Sequence[Cell]) -> Iterator[Record]:
        data = self._announce(cells)
        begun = time.perf_counter()
        with TerminalListener(self.messages, self._said) as listener:
            parts = shares(listener, len(cells))
            yield from run_together(
                cells, data, self.store, self.run_id, parts, self.references, self.sources, self.asked.rerun
            )
        self._say_time(cells, begun)

    def _run_alone(self, cell: Cell) -> Record:
        data = self._announce([cell])
        started = datetime.now(UTC).isoformat(timespec="seconds")
        begun = time.perf_counter()
        try:
            with TerminalListener(self.messages, self._said) as listener:
                source = self.sources[cell.id]
                record = run_alone(
                    cell, data, self.store, self.run_id, listener, self.references, source, self.asked.rerun
                )
            self._say_time([cell], begun)
            return record
        except (BenchError, BrokenPipeError):
            raise
        except Exception as error:
            self._require_machine(error)
            self._tally.found(cell)
            # One cell's failure is a result like any other; the rest of the grid goes on.
            reason = said(error)
            log = self.store.traceback_path(cell)
            say(self.messages, f"{self._title(cell)} failed: {reason}; {log} shows the way there")
            with placing(log) as file:
                file.write(traceback.format_exc().encode("utf-8", "backslashreplace"))
            seconds = time.perf_counter() - begun
            source = self.sources[cell.id]
            record = Record(
                cell,
                self.run_id,
                "failed",
                reason,
                started,
                seconds,
                task_source=source.task,
                estimator_source=source.estimator,
            )
            self.store.write(record)
            return record

    def _require_machine(self, error: Exception) -> None:
        """Stop where it is the machine that has failed, and no cell: the next one would fare no better."""
        if trouble := machine_trouble(error, self.store.folder):
            raise trouble from error

    def _announce(self, cells: Sequence[Cell]) -> Data:
        """Note and say what runs next, and return its data."""
        for cell in cells:
            self.store.begin(Begun(cell, self.run_id))
        data = self.plan.data[str(cells[0].task_spec)]
        words = f"{self._tally.place(cells)}{self._title(*cells)}{self._surroundings(cells[0], data)}"
        say(self.messages, words, "bold")
        return data

    def _surroundings(self, cell: Cell, data: Data) -> str:
        """Return what a task's cells run on: the first time that one of them does."""
        if str(cell.task_spec) in self._described:
            return ""
        self._described.add(str(cell.task_spec))
        threads = f"{torch.get_num_threads()} threads" if cell.device == "cpu" else torch.cuda.get_device_name()
        return f" · {cell.device}, {threads}{f' · {data.note}' if data.note else ''}"

    def _say_time(self, cells: Sequence[Cell], begun: float) -> None:
        say(self.messages, f"  {self._tally.ran(cells, time.perf_counter() - begun)}", "dim")
