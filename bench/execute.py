"""Run the cells of a request one after the other and print what came out."""

import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, final

import torch
from rich.console import Console

from bench.device import find_device
from bench.errors import BenchError
from bench.figures.fitting import fitting_kind
from bench.gradients import References
from bench.machine import machine_info, new_run
from bench.plan import Plan, Request, make_plan
from bench.progress import TerminalListener
from bench.report import final_lines, gradient_table
from bench.results.schema import Record
from bench.results.store import CellBusy, Store
from bench.results.tables import export, load
from bench.runner import run_cell
from bench.settings import Cell

_WIDTH: Final = 130


@dataclass(frozen=True)
class Asked:
    """Where results go, which finished cells are run again, whether anything runs at all, and whether it is drawn."""

    out: Path
    rerun: Literal["failed", "stale", "all"] | None
    dry_run: bool
    plot: bool


@dataclass(frozen=True)
class Summary:
    """How an invocation went."""

    cells: int
    failed: int


def execute(request: Request, asked: Asked) -> Summary:
    """Plan a request, run its cells, and print tables on stdout; progress goes to stderr."""
    messages = Console(stderr=True)
    find_device(request.device)
    plan = make_plan(request)
    for spec, reason in plan.refused:
        _say(messages, f"skipped {spec}: {reason}")
    if asked.dry_run:
        print_dry_run(plan, asked)
        return Summary(len(plan.cells), 0)
    records = run_plan(plan, asked, messages)
    if records:
        _print_records(records, asked.out)
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
    found = [session.run_or_recall(cell) for cell in plan.cells]
    export(asked.out, errors="skip")
    return [record for record in found if record is not None]


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

    def run_or_recall(self, cell: Cell) -> Record | None:
        """Return the cell's record, running the cell where that is due; None where another process runs it."""
        try:
            with self.store.lock(cell):
                return self._run_or_recall(cell)
        except CellBusy as busy:
            _say(self.messages, f"{_title(cell)}: {busy}")
            return None

    def _run_or_recall(self, cell: Cell) -> Record:
        known = self.store.read_or_set_aside(cell, lambda message: _say(self.messages, f"warning: {message}"))
        found, why = recall(cell, known, self.store, self.asked.rerun)
        if found is not None:
            _say(self.messages, f"{_title(cell)}: {why}")
            return found
        if self.asked.rerun == "all":
            self.store.checkpoint_path(cell).unlink(missing_ok=True)
        return self._run(cell)

    def _run(self, cell: Cell) -> Record:
        data = self.plan.data[str(cell.task_spec)]
        threads = f"{torch.get_num_threads()} threads" if cell.device == "cpu" else torch.cuda.get_device_name()
        _say(
            self.messages, f"{_title(cell)} · {cell.device}, {threads}{f' · {data.note}' if data.note else ''}", "bold"
        )
        started = datetime.now(UTC).isoformat(timespec="seconds")
        begun = time.perf_counter()
        try:
            with TerminalListener(self.messages) as listener:
                return run_cell(cell, data, self.store, self.run_id, listener, self.references)
        except BenchError:
            raise
        except Exception as error:
            # One cell's failure is a result like any other; the rest of the grid goes on.
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            _say(self.messages, f"{_title(cell)} failed: {reason}")
            log = self.store.record_path(cell).with_name("traceback.txt")
            log.write_text(traceback.format_exc())
            record = Record(
                cell, self.run_id, "failed", reason, started, time.perf_counter() - begun, [], [], None, None, []
            )
            self.store.write(record)
            return record


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


def _print_records(records: Sequence[Record], out: Path) -> None:
    """Print a block per task: moments at the last step, final bounds; then where the results are, and what is next."""
    console = _output()
    for task in dict.fromkeys(str(record.cell.task_spec) for record in records):
        mine = [record for record in records if str(record.cell.task_spec) == task]
        table = gradient_table(mine)
        if table is not None:
            console.print(table)
            console.print()
        for line in final_lines(mine):
            console.print(line)
    where = out / records[0].cell.folder if len(records) == 1 else out
    console.print(f"{where}   next: {_next(records, out, where)}")


def _next(records: Sequence[Record], out: Path, where: Path) -> str:
    """Return what to do next: whom to compare with, the figure that fits what was run, the table."""
    estimators = {record.cell.estimator for record in records}
    others = [name for name in ("reparam", "reinforce-loo", "reinforce") if name not in estimators]
    add = f"add `--estimator {others[0]}`, " if len(estimators) == 1 else ""
    drawn, told = ("" if folder == Path("results") else f" {folder}" for folder in (where, out))
    return f"{add}`bench plot {fitting_kind(records)}{drawn}` or `bench table{told}`"


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


def _title(cell: Cell) -> str:
    return f"{cell.task} · {cell.estimator} · K={cell.samples} · seed {cell.seed}"
