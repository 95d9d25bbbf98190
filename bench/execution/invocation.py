"""The door: run the cells of a request one after the other and print what came out."""

from collections.abc import Sequence

from rich.text import Text

from bench.errors import BenchError, MachineTrouble, machine_trouble
from bench.escaping import terminal
from bench.execution.advice import after_run
from bench.execution.companions import companions
from bench.execution.console import Console
from bench.execution.ending import require_results
from bench.execution.messages import output, say, title
from bench.execution.plan import Plan, Request, make_plan
from bench.execution.reached import diverged_lines, final_table
from bench.execution.recall import recall
from bench.execution.report import gradient_table
from bench.execution.session import Asked, Session
from bench.execution.sources import sources_of
from bench.execution.suspects import suspicions
from bench.figures.fitting import fitting_kind
from bench.machine.device import allow_tf32, find_device
from bench.results.leftovers import FIGURES
from bench.results.render import Block, render
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tables import export, load
from bench.results.text import wrapped

__all__ = ["Asked", "execute", "print_dry_run", "run_plan"]


def execute(request: Request, asked: Asked) -> None:
    """Plan a request, run its cells, and print tables on stdout; progress goes to stderr.

    Raises:
        CellsFailed: some of its cells failed; the others are recorded and printed.
        CellBusy: another process is running some of them, and they were not to be waited for.
    """
    messages = Console(stderr=True)
    find_device(request.device)
    allow_tf32(request.tf32)
    plan = make_plan(request)
    for spec, reason in plan.refused:
        say(messages, f"skipped {spec}: {reason}")
    if asked.dry_run:
        print_dry_run(plan, asked)
        return
    records = run_plan(plan, asked, messages)
    if records:
        _print_records(records)
        where = asked.out / records[0].cell.folder if len(records) == 1 else asked.out
        for sentence in suspicions(records):
            say(messages, sentence)
        say(messages, f"{where}\nnext: {after_run(request, records, asked.out)}", "")
        if asked.plot:
            _draw(records, Store(asked.out), messages)
    require_results(plan.cells, records, asked.out)


def run_plan(plan: Plan, asked: Asked, messages: Console) -> list[Record]:
    """Run the cells of a plan, or recall them, and return their records.

    Those that another process runs come last, when it is done, or are left out where they are not to be waited for.

    Raises:
        ResultsError: the results folder is not writable.
        MachineTrouble: it no longer is, or something else of the machine has failed; finished cells are kept.
    """
    store = Store(asked.out)
    store.ensure_writable()

    def warn(message: str) -> None:
        say(messages, f"warning: {message}")

    store.set_damaged_runs_aside(warn)
    session = Session(plan, store, asked, messages)
    groups = companions(plan.cells, asked.batch_seeds)
    try:
        found = {record.cell.id: record for group in groups for record in session.run_or_recall(group)}
        if asked.wait:
            found.update((record.cell.id, record) for record in session.wait())
        export(asked.out, errors="skip", warn=warn)
    except (MachineTrouble, OSError) as error:
        trouble = machine_trouble(error, asked.out)
        if trouble is None:
            raise
        raise MachineTrouble(
            f"{trouble}; finished cells are kept, and the same command goes on where this one was once that is mended"
        ) from error
    return [found[cell.id] for cell in plan.cells if cell.id in found]


def print_dry_run(plan: Plan, asked: Asked) -> None:
    """Print a line per cell: whether it would run, and why."""
    console, store = output(), Store(asked.out)
    runs, sources = 0, sources_of(plan.cells)
    for cell in plan.cells:
        try:
            known = store.read(cell)
        except BenchError as error:
            known, why = None, str(error)
        else:
            known, why = recall(cell, known, store, asked.rerun, sources[cell.id])
        runs += known is None
        console.print(f"{'skip' if known else 'run '}  {title(cell)}  ({why})")
    console.print(f"{runs} of {len(plan.cells)} cells would run into {asked.out}/")


def _print_records(records: Sequence[Record]) -> None:
    """Print tables per task: moments at the last step, what training reached."""
    console = output()
    for task in dict.fromkeys(str(record.cell.task_spec) for record in records):
        mine = [record for record in records if str(record.cell.task_spec) == task]
        for table in (gradient_table(mine), final_table(mine)):
            if table is not None:
                _print_table(table, console)
        for line in diverged_lines(mine):
            console.print(f"{wrapped(line)}\n")


def _print_table(table: Block, console: Console) -> None:
    """Print a table, its title in bold and its notes dim where there are colours, and a line that parts it."""
    text = Text(terminal(render(table.title, table.headers, table.lines, "text", table.keys)))
    text.stylize("bold", 0, len(wrapped(table.title)))
    console.print(text)
    is_folded = "\n\n" in text.plain
    if table.notes and is_folded:
        console.print()
    for note in table.notes:
        console.print(wrapped(note), style="dim")
    console.print()


def _draw(records: Sequence[Record], store: Store, messages: Console) -> None:
    """Draw the figure that fits the records into the results folder; a figure that cannot be drawn is no failure."""
    from bench.figures.page import Page
    from bench.figures.write import write

    kind = fitting_kind(records)
    file = store.folder / FIGURES / f"{kind}.pdf"
    try:
        results = load(*(store.record_path(record.cell).parent for record in records))
        for path in write(kind, results, file, "pdf", Page()):
            output().print(str(path))
    except BenchError as error:
        say(messages, f"no figure: {error}")
