"""Run the cells of a request one after the other and print what came out."""

import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, final

import torch
from rich.console import Console

from bench.errors import BenchError
from bench.execution.advice import after_run
from bench.execution.cell import run_cell
from bench.execution.meter import References
from bench.execution.note import new_run
from bench.execution.plan import Plan, Request, make_plan
from bench.execution.progress import TerminalListener, shares
from bench.execution.report import final_lines, gradient_table
from bench.execution.together import BatchSeeds, at_the_same_step, companions, run_together
from bench.figures.fitting import fitting_kind
from bench.machine.device import allow_tf32, find_device
from bench.machine.info import machine_info
from bench.results.schema import Record
from bench.results.store import Begun, CellBusy, Store
from bench.results.tables import export, load
from bench.settings import Cell
from bench.training.trace import NotBatchable
from tasks.base import Data

_WIDTH: Final = 130


@dataclass(frozen=True)
class Asked:
    """How cells are run.

    Attributes:
        out: where results go.
        rerun: which finished cells are run again.
        dry_run: whether to say what would run, and stop.
        plot: whether the results are drawn.
        batch_seeds: whether seeds are trained in one step.
        tf32: whether a GPU may round float32 products to TF32.
    """

    out: Path
    rerun: Literal["failed", "stale", "all"] | None
    dry_run: bool
    plot: bool
    batch_seeds: BatchSeeds = "auto"
    tf32: bool = False


@dataclass(frozen=True)
class Summary:
    """How an invocation went."""

    cells: int
    failed: int


def execute(request: Request, asked: Asked) -> Summary:
    """Plan a request, run its cells, and print tables on stdout; progress goes to stderr."""
    messages = Console(stderr=True)
    find_device(request.device)
    allow_tf32(asked.tf32)
    plan = make_plan(request)
    for spec, reason in plan.refused:
        _say(messages, f"skipped {spec}: {reason}")
    if asked.dry_run:
        print_dry_run(plan, asked)
        return Summary(len(plan.cells), 0)
    records = run_plan(plan, asked, messages)
    if records:
        _print_records(records)
        where = asked.out / records[0].cell.folder if len(records) == 1 else asked.out
        _output().print(f"{where}   next: {after_run(request, records, asked.out)}")
        if asked.plot:
            _draw(records, Store(asked.out), messages)
    return Summary(len(records), sum(record.status == "failed" for record in records))


def run_plan(plan: Plan, asked: Asked, messages: Console) -> list[Record]:
    """Run the cells of a plan, or recall them, and return their records; those that another process runs are left out.

    Raises:
        ResultsError: the results folder is not writable.
    """
    store = Store(asked.out)
    store.ensure_writable()
    session = _Session(plan, store, asked, messages)
    groups = companions(plan.cells, asked.batch_seeds)
    found = {record.cell.id: record for group in groups for record in session.run_or_recall(group)}
    export(asked.out, errors="skip")
    return [found[cell.id] for cell in plan.cells if cell.id in found]


@final
class _Session:
    """One invocation: what its cells have in common."""

    def __init__(self, plan: Plan, store: Store, asked: Asked, messages: Console) -> None:
        self.plan, self.store, self.asked, self.messages = plan, store, asked, messages
        self.references = References()

    @cached_property
    def run_id(self) -> str:
        """The invocation's id; its note is written when the first cell runs."""
        run = new_run(sys.argv)
        self.store.write_run(run)
        return run.run

    def run_or_recall(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """Give the records of companions, running those that are due; none of a cell that another process runs."""
        due: list[Cell] = []
        with ExitStack() as locks:
            for cell in cells:
                try:
                    locks.enter_context(self.store.lock(cell))
                except CellBusy as busy:
                    _say(self.messages, f"{_title(cell)}: {busy}")
                    continue
                found = self._recall(cell)
                if found is None:
                    due.append(cell)
                else:
                    yield found
            for group in at_the_same_step(due, self.store):
                yield from self._run(group)

    def _recall(self, cell: Cell) -> Record | None:
        known = self.store.read_or_set_aside(cell, lambda message: _say(self.messages, f"warning: {message}"))
        found, why = recall(cell, known, self.store, self.asked.rerun)
        if found is not None:
            _say(self.messages, f"{_title(cell)}: {why}")
        elif self.asked.rerun == "all":
            self.store.checkpoint_path(cell).unlink(missing_ok=True)
        return found

    def _run(self, cells: Sequence[Cell]) -> Iterator[Record]:
        """Run cells in one step, or one by one where that is not possible; give their records."""
        first, left = cells[0], list(cells)
        if len(cells) > 1 or first.device == "cuda":
            try:
                for record in self._run_together(cells):
                    left.remove(record.cell)
                    yield record
                return
            except BenchError:
                raise
            except torch.OutOfMemoryError:
                halves = [half for half in (left[: len(left) // 2], left[len(left) // 2 :]) if half]
                why = "there is not enough memory for so many at once"
            except NotBatchable as reason:
                halves, why = [], str(reason)
            except Exception as error:
                halves, why = [], _reason(error)
            if len(halves) > 1:
                _say(self.messages, f"{_title(*left)}: {why}; trained as {len(halves)} halves")
                torch.cuda.empty_cache()
                for half in halves:
                    yield from self._run(half)
                return
            how = "one by one" if len(left) > 1 else "without a CUDA graph"
            _say(self.messages, f"{_title(*left)}: trained {how}, since {why}")
        for cell in left:
            yield self._run_alone(cell)

    def _run_together(self, cells: Sequence[Cell]) -> Iterator[Record]:
        data = self._announce(cells)
        with TerminalListener(self.messages) as listener:
            parts = shares(listener, len(cells))
            yield from run_together(cells, data, self.store, self.run_id, parts, self.references)

    def _run_alone(self, cell: Cell) -> Record:
        data = self._announce([cell])
        started = datetime.now(UTC).isoformat(timespec="seconds")
        begun = time.perf_counter()
        try:
            with TerminalListener(self.messages) as listener:
                return run_cell(cell, data, self.store, self.run_id, listener, self.references)
        except BenchError:
            raise
        except Exception as error:
            # One cell's failure is a result like any other; the rest of the grid goes on.
            _say(self.messages, f"{_title(cell)} failed: {_reason(error)}")
            log = self.store.record_path(cell).with_name("traceback.txt")
            log.write_text(traceback.format_exc())
            seconds = time.perf_counter() - begun
            record = Record(cell, self.run_id, "failed", _reason(error), started, seconds)
            self.store.write(record)
            return record

    def _announce(self, cells: Sequence[Cell]) -> Data:
        """Note and say what runs next, and return its data."""
        for cell in cells:
            self.store.begin(Begun(cell, self.run_id))
        data = self.plan.data[str(cells[0].task_spec)]
        where = cells[0].device
        threads = f"{torch.get_num_threads()} threads" if where == "cpu" else torch.cuda.get_device_name()
        _say(self.messages, f"{_title(*cells)} · {where}, {threads}{f' · {data.note}' if data.note else ''}", "bold")
        return data


def recall(
    cell: Cell, known: Record | None, store: Store, rerun: Literal["failed", "stale", "all"] | None
) -> tuple[Record | None, str]:
    """Return the record to use instead of running the cell, or None, and why."""
    if rerun == "all":
        return None, "asked for with --rerun all"
    if known is None:
        return None, "continues from its checkpoint" if store.checkpoint_path(cell).exists() else "new"
    if rerun == "stale" and not _same_software(known, store):
        return None, "done by another version of varbench or torch"
    if known.status != "failed":
        return known, f"{known.status} already, not run again"
    if rerun == "failed":
        return None, f"failed before ({known.reason})"
    return known, f"failed before ({known.reason}); --rerun failed runs it again"


def _same_software(record: Record, store: Store) -> bool:
    """Return whether a record was made by the versions that are installed now; a record without a note was not."""
    now = machine_info()
    made = next((run for run in store.runs(errors="skip") if run.run == record.run), None)
    return made is not None and (made.varbench, made.torch) == (now["varbench"], now["torch"])


def print_dry_run(plan: Plan, asked: Asked) -> None:
    """Print a line per cell: whether it would run, and why."""
    console, store = _output(), Store(asked.out)
    runs = 0
    for cell in plan.cells:
        try:
            known = store.read(cell)
        except BenchError as error:
            known, why = None, str(error)
        else:
            known, why = recall(cell, known, store, asked.rerun)
        runs += known is None
        console.print(f"{'skip' if known else 'run '}  {_title(cell)}  ({why})")
    console.print(f"{runs} of {len(plan.cells)} cells would run into {asked.out}/")


def _print_records(records: Sequence[Record]) -> None:
    """Print a block per task: moments at the last step, final bounds."""
    console = _output()
    for task in dict.fromkeys(str(record.cell.task_spec) for record in records):
        mine = [record for record in records if str(record.cell.task_spec) == task]
        table = gradient_table(mine)
        if table is not None:
            console.print(table)
            console.print()
        for line in final_lines(mine):
            console.print(line)


def _draw(records: Sequence[Record], store: Store, messages: Console) -> None:
    """Draw the figure that fits the records into the results folder; a figure that cannot be drawn is no failure."""
    from bench.figures.page import Page
    from bench.figures.write import write

    kind = fitting_kind(records)
    file = store.folder / "figures" / f"{kind}.pdf"
    try:
        results = load(*(store.record_path(record.cell).parent for record in records))
        for path in write(kind, results, file, "pdf", Page()):
            _output().print(str(path))
    except BenchError as error:
        _say(messages, f"no figure: {error}")


def _output() -> Console:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, markup=False, soft_wrap=True, width=_WIDTH)


def _say(console: Console, message: str, style: str = "yellow") -> None:
    console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _title(first: Cell, *others: Cell) -> str:
    seeds = f"{1 + len(others)} seeds in one step" if others else f"seed {first.seed}"
    return f"{first.task} · {first.estimator} · K={first.samples} · {seeds}"
