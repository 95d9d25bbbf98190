"""`bench table`: results as text, CSV, Markdown or LaTeX."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from bench.cli import completion
from bench.cli.importing import importing
from bench.cli.numbers import Finite
from bench.cli.output import print_json
from bench.cli.tuning import at_best, selecting
from bench.errors import ResultsError, UsageError
from bench.escaping import as_csv, echo
from bench.names.commands import with_folders, with_out
from bench.results.columns import AXES, KINDS
from bench.results.render import render, render_blocks, render_captioned

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.render import Block
    from bench.results.tables import Results
    from bench.results.tuned import Tuned
    from bench.results.wanted import What

Form = Literal["text", "csv", "json", "markdown", "latex"]


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--what",
    type=click.Choice(KINDS),
    default="gradients",
    show_default=True,
    help="Which table; time-to: after how many steps and seconds training reached --elbo.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json", "markdown", "latex"]),
    default="text",
    show_default=True,
    help="csv and json give tidy, unrounded rows; the others a summary.",
)
@click.option(
    "--caption", is_flag=True, help="For latex and markdown: add a caption with seeds, intervals, K and target."
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    shell_complete=completion.metrics,
    help="Metric of the gradients, or, with --across, of final; repeatable.",
)
@click.option("--group", "groups", multiple=True, help="Parameter group, such as guide, model or all; repeatable.")
@click.option("--elbo", type=Finite(), help="Of time-to: the ELBO (or objective) to reach, such as -110.")
@click.option("--columns", help="Tidy rows with these columns, such as task,estimator,value.")
@click.option("--by", type=click.Choice(AXES), help="Compare: what the rows are.  [default: estimator]")
@click.option("--across", type=click.Choice(AXES), help="Compare: what the columns are.  [default: task, or estimator]")
@selecting
@click.option("--skip-unreadable", is_flag=True, help="Leave out unreadable files, and name them.")
def table(
    results: tuple[Path, ...],
    what: "What",
    form: Form,
    caption: bool,
    metrics: tuple[str, ...],
    groups: tuple[str, ...],
    elbo: float | None,
    columns: str | None,
    by: str | None,
    across: str | None,
    selected: tuple[str, ...],
    select_by: str | None,
    skip_unreadable: bool,
) -> None:
    """Print the measurements in RESULTS: results folders, or tasks or cells in them (default: results).

    The summary shows gradients at each cell's last measured step, with 95% intervals; several seeds become their mean,
    with the interval between seeds. --by or --across makes a comparison: mean ± standard error, the best in bold (a
    star in text) if it is significantly better than every other one; csv and json have its rows.

    Text is as wide as the terminal, or as COLUMNS says (80 in a pipe); a wider table becomes a block per estimator.

    \b
    bench table
    bench table --across task --metric variance --format latex --caption
    bench table --what final --across metric --format markdown
    bench table --what final --select guide-lr --select-by elbo
    bench table --what time-to --elbo -110
    bench table --metric variance --group guide --format latex
    bench table results/vae-mnist --what training --format csv > training.csv
    """  # noqa: D301 - click wants a backspace, not a backslash
    with importing():
        from bench.results.tables import load_some, require_runs
        from bench.results.undecided import needed_for_summary
        from bench.results.wanted import Wanted

    chosen = [column.strip() for column in columns.split(",")] if columns else None
    wanted = Wanted(what, metrics, groups, chosen, by, across, bool(selected or select_by), elbo)
    if caption and form not in ("latex", "markdown"):
        raise UsageError(f"--caption is for --format latex or markdown, not for {form}")
    if what == "runs" and not skip_unreadable:
        require_runs(results or (Path("results"),))
    # Of a large folder no more is read than is shown.
    is_summary = form not in ("csv", "json") and not wanted.is_tidy and not wanted.compares
    found = load_some(
        results,
        wanted.read,
        "skip" if skip_unreadable else "raise",
        partial(echo, err=True),
        needed=needed_for_summary if is_summary else None,
    )
    if getattr(found, wanted.source).empty:
        _explain_empty(found, wanted.source, results)
    best = at_best(found, selected, select_by)
    found = best.results if best else found
    if wanted.compares:
        compared = wanted.compared(found)
        if form in ("csv", "json"):
            _print_rows(compared, form)
            _tell(best)
        else:
            told = best.notes(compared["configuration"]) if best else []
            _print_blocks(wanted.arranged(compared), form, caption, told)
    elif form in ("csv", "json") or wanted.is_tidy:
        if caption:
            raise UsageError("--caption is for summaries and comparisons, not for tidy rows")
        _print_rows(wanted.rows(found), form)
        _tell(best)
    else:
        if what == "gradients":
            _note_missing(found, results)
        _print_blocks(wanted.summary(found), form, caption, best.notes() if best else [])
        same = "" if what == "gradients" else f" --what {what}"
        same += "" if elbo is None else f" --elbo {elbo:g}"
        rows, paper = (with_folders(f"bench table{same} --format {name}", results) for name in ("csv", "latex"))
        echo(f"next: `{rows}` for every row, `{paper}` for a paper", err=True)


def _tell(best: "Tuned | None") -> None:
    """Say what was chosen where there is no caption to say it."""
    for note in best.notes() if best else ():
        echo(note, err=True)


def _print_rows(frame: "pd.DataFrame", form: Form) -> None:
    if form == "csv":
        echo(as_csv(frame), nl=False)
        return
    values = frame.astype(object).where(frame.notna(), None)
    if form == "json":
        print_json(values.to_dict("records"))
        return
    texts = [["" if value is None else str(value) for value in line] for line in values.to_numpy()]
    echo(render("", list(frame.columns), texts, form))


def _print_blocks(
    blocks: "list[Block]", form: Literal["text", "markdown", "latex"], caption: bool, told: Sequence[str]
) -> None:
    blocks = [replace(block, notes=[*block.notes, *told]) for block in blocks]
    echo(render_captioned(blocks, form) if caption else render_blocks(blocks, form))


def _note_missing(found: "Results", results: tuple[Path, ...]) -> None:
    missing = len(set(found.final["cell"]) - set(found.gradients["cell"].unique()))
    if missing:
        status = with_folders("bench status", results)
        echo(f"left out, without gradients: {missing} of {len(found.final)} cells; see `{status}`", err=True)


def _explain_empty(found: "Results", what: str, results: tuple[Path, ...]) -> NoReturn:
    where, first = ", ".join(map(str, results)) or "results", (*results, Path("results"))[0]
    if len(found.final):
        command = with_out("bench status", first)
        raise ResultsError(f"no cell in {where} has rows of {what}: `{command}` says how they ended")
    command = with_out("bench run --task gaussian-quadratic --estimator reinforce", first)
    raise ResultsError(
        f"there are no {'runs' if what == 'runs' else 'finished cells'} in {where}: `{command}` makes some"
    )
