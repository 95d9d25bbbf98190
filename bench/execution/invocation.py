"""The door: run the cells of a request, here or in other processes, and print what came out."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.text import Text

from bench.errors import BenchError, DeviceLost, MachineTrouble, machine_trouble
from bench.escaping import terminal
from bench.execution.advice import after_run
from bench.execution.asked import Asked
from bench.execution.best_settings import best_settings
from bench.execution.companions import companions
from bench.execution.console import Console
from bench.execution.dry_run import print_dry_run
from bench.execution.ending import require_results
from bench.execution.engines.choice import at_once_of, engine_of, require_together, threads_as_in
from bench.execution.engines.engine import Engine
from bench.execution.messages import output, say
from bench.execution.plan import Plan, Request, plan_all
from bench.execution.reached import diverged_lines, final_table
from bench.execution.report import gradient_table
from bench.execution.reported import ran_report
from bench.execution.session import Session
from bench.execution.suspects import suspicions
from bench.figures.fitting import fitting_kind
from bench.machine.device import allow_tf32, find_device
from bench.machine.ration import require_ration
from bench.report.scripts import require_report
from bench.results.leftovers import FIGURES
from bench.results.render import Block, render
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tables import Results, export, load, tidy
from bench.results.text import wrapped
from bench.settings import Cell

__all__ = [
    "Asked",
    "Ran",
    "execute",
    "execute_all",
    "plan_and_tell",
    "results_of",
    "run_all",
    "run_plan",
    "shown_files",
    "warn_of_biases",
]


@dataclass(frozen=True)
class Ran:
    """What came of requests.

    Attributes:
        plan: the cells that were asked for.
        records: of those that have one, in the same order.
    """

    plan: Plan
    records: list[Record]


def execute(request: Request, asked: Asked) -> None:
    """Plan and run a request; see `execute_all`."""
    execute_all([request], asked)


def execute_all(requests: Sequence[Request], asked: Asked) -> None:
    """Plan requests of one device, run their cells, and print tables on stdout; progress goes to stderr.

    Raises:
        CellsFailed: some of its cells failed; the others are recorded and printed.
        CellsLimited: some reached a limit.
        CellBusy: another process is running some of them, and they were not to be waited for.
    """
    messages = Console(stderr=True)
    allow_tf32(requests[0].tf32)
    if asked.dry_run:
        plan = plan_and_tell(requests, asked, messages)
        print_dry_run(plan, asked.out, asked.rerun, asked.limits, at_once_of(asked))
        return
    ran = run_all(requests, asked, messages)
    if records := ran.records:
        _print_records(records)
        for sentence in best_settings(records):
            output().print(wrapped(sentence))
        where = asked.out / records[0].cell.folder if len(records) == 1 else asked.out
        warn_of_biases(ran, messages)
        say(messages, f"{where}\nnext: {after_run(requests, records, asked.out)}", "")
        for path in shown_files(ran, asked, messages):
            output().print(str(path))
    require_results(ran.plan.cells, records, asked.out)


def plan_and_tell(requests: Sequence[Request], asked: Asked, messages: Console) -> Plan:
    """Return the plan of requests of one device, or of the shard of it that was asked for, and say what it is."""
    require_together(asked)
    if asked.report:
        require_report()
    device = find_device(requests[0].device)
    if asked.memory_limit is not None:
        require_ration(device)
    plan = plan_all(requests)
    _tell(plan, messages)
    if asked.shard is None:
        return plan
    mine = asked.shard.of(plan.cells, asked.batch_seeds)
    say(messages, f"shard {asked.shard}: {len(mine)} of them", "")
    return replace(plan, cells=mine)


def run_all(requests: Sequence[Request], asked: Asked, messages: Console) -> Ran:
    """Plan requests of one device and run their cells, or recall them; see `run_plan`."""
    plan = plan_and_tell(requests, asked, messages)
    return Ran(plan, run_plan(plan, asked, messages))


def warn_of_biases(ran: Ran, messages: Console) -> None:
    """Say which gradients are biased that are declared not to be."""
    for sentence in suspicions(ran.records):
        messages.warn(sentence, "")


def _tell(plan: Plan, messages: Console) -> None:
    """Say what a plan leaves out, and how large it is."""
    for spec, reason in plan.refused:
        messages.warn(f"skipped {spec}: {reason}", "")
    for task, (fit, chosen) in plan.fitting.items():
        say(messages, f"{task}: {fit} of {chosen} estimators fit", "")
    for rule in plan.unmatched:
        messages.warn(f"exclude {{{rule.said}}} excludes nothing")
    if len(plan.cells) > 1:
        configurations = len({cell.configuration for cell in plan.cells})
        without = f"; {plan.excluded} are excluded" if plan.excluded else ""
        say(messages, f"{len(plan.cells)} cells of {configurations} configurations{without}", "")


def run_plan(plan: Plan, asked: Asked, messages: Console) -> list[Record]:
    """Run the cells of a plan, or recall them, and return their records.

    Those that another process runs come last, when it is done, or are left out where they are not to be waited for.

    Raises:
        DeviceLost: the GPU has failed; what ran then is recorded as failed, and what was to come is not run.
        ResultsError: the results folder is not writable.
        MachineTrouble: it no longer is, or something else of the machine has failed; finished cells are kept.
    """
    store, found = Store(asked.out), dict[str, Record]()
    engine = engine_of(asked, plan.cells[0].device) if plan.cells else None
    store.ensure_writable()
    store.set_damaged_runs_aside(messages.warn)
    try:
        with threads_as_in(engine):
            for record in _records(plan, store, asked, messages, engine):
                found[record.cell.id] = record
        export(asked.out, errors="skip", warn=messages.warn)
    except DeviceLost as error:
        left = len(plan.cells) - len(found)
        rest = (
            f"{left} of {len(plan.cells)} cells are left, and the same command runs them" if left else "no cell is left"
        )
        raise DeviceLost(f"{error}: {rest}") from error
    except (MachineTrouble, OSError) as error:
        trouble = machine_trouble(error, asked.out)
        if trouble is None:
            raise
        raise MachineTrouble(
            f"{trouble}; finished cells are kept; once this is fixed, the same command continues where this one stopped"
        ) from error
    return [found[cell.id] for cell in plan.cells if cell.id in found]


def _records(plan: Plan, store: Store, asked: Asked, messages: Console, engine: Engine | None) -> Iterator[Record]:
    """Give the records of a plan's cells as they come about."""
    session = Session(plan, store, asked, messages, 1 if engine is None else engine.at_once)
    groups = companions(plan.cells, asked.batch_seeds)
    if engine is None:
        for group in groups:
            yield from session.run_or_recall(group)
    else:
        yield from session.send_or_recall(groups, engine)
    if asked.wait:
        yield from session.wait()


def _print_records(records: Sequence[Record]) -> None:
    """Print tables per task: moments at the last step, what training reached."""
    console = output()
    for mine in _parted(records, lambda cell: str(cell.task_spec)):
        # A table is of one step along one kind of training, and its values are of parameters that were trained or not.
        gradients = _parted(mine, lambda cell: (cell.training.steps, cell.measurement.at))
        values = _parted(mine, lambda cell: cell.training.steps > 0)
        for table in (*map(gradient_table, gradients), *map(final_table, values)):
            if table is not None:
                _print_table(table, console)
        for line in diverged_lines(mine):
            console.print(f"{wrapped(line)}\n")


def _parted(records: Sequence[Record], key: Callable[[Cell], Hashable]) -> list[list[Record]]:
    """Return records by what a function makes of their cells, in the order in which they come."""
    parts: dict[Hashable, list[Record]] = {}
    for record in records:
        parts.setdefault(key(record.cell), []).append(record)
    return [*parts.values()]


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


def shown_files(ran: Ran, asked: Asked, messages: Console) -> list[Path]:
    """Draw and report what was run, as far as that was asked for, and return the files."""
    figures = _figures(ran, asked, messages)
    return [*figures, *(ran_report(results_of(ran, asked), asked, messages) if asked.report else ())]


def _figures(ran: Ran, asked: Asked, messages: Console) -> list[Path]:
    """Draw the figure that fits into the results folder, if that was asked for, and return its files.

    A figure that cannot be drawn is no failure.
    """
    if not (asked.plot and ran.records):
        return []
    from bench.figures.page import Page
    from bench.figures.write import write

    kind = fitting_kind(ran.records)
    try:
        return write(kind, results_of(ran, asked), asked.out / FIGURES / f"{kind}.pdf", "pdf", Page())
    except BenchError as error:
        messages.warn(f"no figure: {error}", "")
        return []


def results_of(ran: Ran, asked: Asked) -> Results:
    """Return the tables of the cells that were asked for."""
    if not ran.records:
        return tidy([])
    store = Store(asked.out)
    return load(*(store.record_path(record.cell).parent for record in ran.records))
