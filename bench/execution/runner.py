"""Cells that are due, in the process that runs them: together if possible, and recorded whatever happens."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import final

import torch

from bench.errors import BenchError, DeviceLost, headline, machine_trouble, named
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.progress import shares
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Source
from bench.execution.teller import Teller
from bench.machine.lost import is_device_lost
from bench.machine.memory import give_back_memory, is_out_of_memory
from bench.names.strangers import said
from bench.results.atomic import placing
from bench.results.schema import Begun, Record
from bench.results.store import Store
from bench.settings import Cell
from bench.training.trace import NotBatchable
from tasks.base import Data


@final
class Runner:
    """Runs cells whose locks the caller holds, and keeps what they share: data, reference gradients.

    Args:
        store: where results go.
        making: what they are run with.
        data: returns those of a cell's task.
        sources: what makes each cell, by its id.
        teller: is told what becomes of them.
        references: what is known of parameters that cells share.
    """

    def __init__(
        self,
        store: Store,
        making: Making,
        data: Callable[[Cell], Data],
        sources: Mapping[str, Source],
        teller: Teller,
        references: KnownReferences,
    ) -> None:
        self._store, self._making, self._data, self._sources = store, making, data, sources
        self._teller, self._references = teller, references
        self._described: set[str] = set()
        self._trouble: Exception | None = None

    def run(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """Run cells in one step, or one by one where that is not possible; give their records.

        Raises:
            DeviceLost: the GPU has failed. Cells that ran then have failed, and are recorded and given before that;
                those that were to come are not run.
        """
        first, left = cells[0], list(cells)
        # Without training there is no step to take for several at once, or as a CUDA graph.
        if first.training.steps and (len(cells) > 1 or first.device == "cuda"):
            try:
                for record in self._run_together(cells):
                    left.remove(record.cell)
                    self._teller.found(record.cell)
                    self._tell_limit(record)
                    yield record
                return
            except (BenchError, BrokenPipeError):
                raise
            except NotBatchable as reason:
                halves, why = [], str(reason)
            except Exception as error:
                self._require_machine(error)
                if is_device_lost(error):
                    # Any of them may have done it.
                    yield from [self._failed(cell, error, _now(), 0.0) for cell in left]
                    raise self._lost() from error
                halves, why = [], named(error)
                if is_out_of_memory(error):
                    halves = [half for half in (left[: len(left) // 2], left[len(left) // 2 :]) if half]
                    why = "there is not enough memory for so many at once"
            if len(halves) > 1:
                self._teller.about(left, f": {why}; trained as {len(halves)} halves")
                give_back_memory()
                for half in halves:
                    yield from self.run(half)
                return
            how = "one by one" if len(left) > 1 else "without a CUDA graph"
            self._teller.about(left, f": trained {how}, since {why}")
        for cell in left:
            yield self._run_alone(cell)
            if self._trouble is not None:
                raise self._lost() from self._trouble

    def _run_together(self, cells: Sequence[Cell]) -> Iterator[Record]:
        data = self._announce(cells)
        begun = time.perf_counter()
        with self._teller.listening() as listener:
            parts = shares(listener, len(cells))
            yield from run_together(cells, data, self._store, self._making, parts, self._references, self._sources)
        self._teller.end(cells, time.perf_counter() - begun)

    def _run_alone(self, cell: Cell) -> Record:
        data = self._announce([cell])
        started = _now()
        begun = time.perf_counter()
        source = self._sources[cell.id]
        try:
            with self._teller.listening() as listener:
                record = run_alone(cell, data, self._store, self._making, listener, self._references, source)
            self._teller.end([cell], time.perf_counter() - begun)
            self._tell_limit(record)
            return record
        except (BenchError, BrokenPipeError):
            raise
        except Exception as error:
            self._require_machine(error)
            # One cell's failure is a result like any other; the rest of the grid goes on.
            return self._failed(cell, error, started, time.perf_counter() - begun)

    def _failed(self, cell: Cell, error: Exception, started: str, seconds: float) -> Record:
        """Record that a cell failed, and how; called while the error is handled."""
        self._teller.found(cell)
        reason = said(error)
        log = self._store.traceback_path(cell)
        self._teller.about([cell], f" failed: {reason}; {log} has the traceback")
        with placing(log) as file:
            file.write(traceback.format_exc().encode("utf-8", "backslashreplace"))
        record = failed(cell, self._making.run, self._sources[cell.id], reason, started, seconds)
        self._store.write(record)
        if is_device_lost(error):
            self._trouble = error
        return record

    def _lost(self) -> DeviceLost:
        assert self._trouble is not None
        return DeviceLost(f"the GPU has failed ({headline(self._trouble)}), and this process can no longer use it")

    def _tell_limit(self, record: Record) -> None:
        if record.limit is not None:
            self._teller.about([record.cell], f" limited: {record.reason}")

    def _require_machine(self, error: Exception) -> None:
        """Stop where it is the machine that has failed, and no cell: the next one would fare no better."""
        if trouble := machine_trouble(error, self._store.folder):
            raise trouble from error

    def _announce(self, cells: Sequence[Cell]) -> Data:
        """Note and say what runs next, and return its data."""
        for cell in cells:
            self._store.begin(Begun(cell, self._making.run))
        data = self._data(cells[0])
        self._teller.begin(cells, self._surroundings(cells[0], data))
        return data

    def _surroundings(self, cell: Cell, data: Data) -> str:
        """Return what a task's cells run on: the first time that one of them does."""
        if str(cell.task_spec) in self._described:
            return ""
        self._described.add(str(cell.task_spec))
        threads = f"{torch.get_num_threads()} threads" if cell.device == "cpu" else torch.cuda.get_device_name()
        return f" · {cell.device}, {threads}{f' · {data.note}' if data.note else ''}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def failed(cell: Cell, run: str, source: Source, reason: str, started: str, seconds: float) -> Record:
    """Return the record of a cell that failed."""
    return Record(
        cell,
        run,
        "failed",
        reason,
        started,
        seconds,
        task_source=source.task,
        estimator_source=source.estimator,
    )
