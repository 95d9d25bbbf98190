"""Run a recipe: its cells, its tables, its figure."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from bench.escaping import echo
from bench.execution.console import Console
from bench.execution.dry_run import print_dry_run
from bench.execution.ending import require_results
from bench.execution.invocation import Asked, run_plan
from bench.execution.plan import Plan, Request, plan_all
from bench.figures import draw, rows
from bench.figures.page import Format, Page
from bench.figures.save import provenance, save, save_rows
from bench.machine.device import find_device
from bench.names.commands import with_folder
from bench.reproduce import find
from bench.reproduce.recipe import Ran, Recipe
from bench.results.frames import series, where
from bench.results.metrics import OF_COORDINATES
from bench.results.render import Format as TableFormat
from bench.results.render import render_blocks
from bench.results.store import Store
from bench.results.tables import Results, load
from bench.results.text import wrapped


@dataclass(frozen=True)
class Printing:
    """How tables and figures are to look, and whether the rows that are shown are written as well."""

    table: TableFormat
    form: Format
    page: Page
    data: bool


def reproduce(
    name: str, length: Literal["full", "quick"], device: Literal["cpu", "cuda"], asked: Asked, how: Printing
) -> None:
    """Run what a recipe needs and has not got, print its tables, and write its figure into the results folder.

    Raises:
        UsageError: there is no such recipe.
        CellsFailed: some of its cells failed.
    """
    recipe = find(name)
    find_device(device)
    plan = plan_of(recipe.full if length == "full" else recipe.quick, device)
    if asked.dry_run:
        print_dry_run(plan, asked.out, asked.rerun)
        return
    records = run_plan(plan, asked, Console(stderr=True))
    require_results(plan.cells, records, asked.out, f" of {name}")
    store = Store(asked.out)
    ran = Ran(plan.cells, load(*(store.record_path(record.cell).parent for record in records)))
    shown = recipe.rows(ran)
    for line in _told(recipe, ran, length):
        echo(wrapped(line))
    for block in recipe.tables(shown):
        echo(f"\n{render_blocks([block], how.table)}")
    echo(f"\n{wrapped(recipe.see)}\n")
    for file in _draw(name, recipe, ran, shown, how, asked.out / "figures"):
        echo(file)
    table = with_folder("bench table", asked.out)
    echo(f"next: `{table}` for every number, `bench reproduce --list` for more", err=True)


def plan_of(requests: Sequence[Request], device: Literal["cpu", "cuda"]) -> Plan:
    """Return the cells of several requests as one plan.

    Raises:
        DataUnavailable: a task's data are not there.
    """
    return plan_all([dataclasses.replace(request, device=device) for request in requests])


def _told(recipe: Recipe, ran: Ran, length: Literal["full", "quick"]) -> list[str]:
    """Return what was run, in sentences: the heading of the tables."""
    lines = [f"{recipe.title} ({recipe.source})", *recipe.settings, _sizes(ran)]
    if length == "quick":
        lines.append(f"Shortened by --quick: {recipe.shortened}")
    return lines


def _sizes(ran: Ran) -> str:
    final, gradients = ran.results.final, ran.results.gradients
    # A coordinate of the reference comes from the replicates of that.
    counts = series(where(gradients, ~gradients["metric"].isin(OF_COORDINATES)), "n")
    replicates = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    seeds, steps = series(final, "seed").nunique(), int(series(final, "training_steps").max())
    trained = f", {steps} training steps" if steps else ", no training"
    return (
        f"Ours: {len(final)} cells, {replicates} replicates, {seeds} seed{'s' if seeds > 1 else ''}{trained}. "
        f"Brackets are 95% intervals."
    )


def _draw(name: str, recipe: Recipe, ran: Ran, shown: pd.DataFrame, how: Printing, folder: Path) -> list[Path]:
    """Draw the recipe's figure, and the kinds that belong to it; return what was written."""
    with how.page.settings():
        figures: dict[str, tuple[Figure, pd.DataFrame, Results | None]] = {
            name: (recipe.draw(shown, how.page), shown, ran.results)
        }
    for kind in recipe.also:
        of_kind = rows(kind, None)
        figures[f"{name}-{kind}"] = (draw(kind, of_kind, how.page), of_kind, None)
    written = []
    for stem, (figure, frame, results) in figures.items():
        file = folder / f"{stem}.{how.form}"
        save(figure, file, how.form, how.page, provenance(stem, results, frame, how.page))
        written.append(file)
        if how.data:
            written.append(file.with_suffix(".csv"))
            save_rows(frame, written[-1])
    return written
