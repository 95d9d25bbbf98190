"""`bench plot`: figures for a paper."""

from functools import partial
from pathlib import Path

import click

from bench.cli import completion
from bench.cli.numbers import Numbers, Whole
from bench.cli.tuning import selecting
from bench.errors import ResultsError, UsageError
from bench.escaping import echo
from bench.figures import KINDS
from bench.names.commands import with_folders, with_out

STYLES = ("neurips", "icml", "iclr", "tmlr", "jmlr", "slides")
_FORMATS = ("pdf", "svg", "png")


class _Command(click.Command):
    """Lists the kinds of figures in its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Kinds"):
            formatter.write_dl([(name, kind.summary) for name, kind in KINDS.items()])


@click.command(cls=_Command, no_args_is_help=True)
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file, whose ending may give the format; - is standard output.  [default: KIND.pdf]",
)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="[default: the ending of --out, or pdf]")
@click.option(
    "--style", type=click.Choice(STYLES), default="neurips", show_default=True, help="Size and fonts of a venue."
)
@click.option(
    "--columns", type=click.IntRange(1, 2), default=2, show_default=True, help="Width, in columns of a two-column page."
)
@click.option("--task", "tasks", multiple=True, shell_complete=completion.tasks, help="Only this task; repeatable.")
@click.option(
    "--estimator",
    "estimators",
    multiple=True,
    shell_complete=completion.estimators,
    help="Only this estimator; repeatable.",
)
@click.option("--samples", type=Numbers(), default=(), help="Only these K, such as 1,5,50.")
@click.option("--group", "groups", multiple=True, help="Parameter group, such as guide, model or all; repeatable.")
@click.option("--step", type=Whole(), help="Moments at this training step.  [default: the last measured]")
@selecting
@click.option("--data", is_flag=True, help="Also write the rows shown, to FILE with the ending .csv.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out unreadable files, and name them.")
def plot(
    kind: str,
    results: tuple[Path, ...],
    out: Path | None,
    form: str | None,
    style: str,
    columns: int,
    tasks: tuple[str, ...],
    estimators: tuple[str, ...],
    samples: tuple[int, ...],
    groups: tuple[str, ...],
    step: int | None,
    selected: tuple[str, ...],
    select_by: str | None,
    data: bool,
    skip_unreadable: bool,
) -> None:
    """Draw a KIND of figure from RESULTS: results folders, or tasks or cells in them (default: results).

    Intervals are 95%: those of the measurement for one seed, those between seeds for several.

    \b
    bench plot variance
    bench plot tradeoff results --style icml --columns 1 --out tradeoff.svg --data
    bench plot final --select guide-lr
    bench plot training results/vae-mnist/reinforce-K1-seed0-0123456789abcdef
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    from bench.figures.output import is_standard_output
    from bench.figures.page import Page
    from bench.figures.wanted import Wanted, format_of
    from bench.figures.write import write
    from bench.results.tables import load

    wanted = Wanted(kind, tasks, estimators, samples, groups, step, selected, select_by)
    chosen = format_of(out, form)
    file = out or Path(f"{kind}.{chosen}")
    if data and is_standard_output(file):
        raise UsageError("--data writes a second file beside the figure: name the first with --out")
    found, told = None, []
    if KINDS[kind].task is None or results:
        found = load(*results, errors="skip" if skip_unreadable else "raise", warn=partial(echo, err=True))
        if found.final.empty:
            where, first = ", ".join(map(str, results)) or "results", (*results, Path("results"))[0]
            command = with_out("bench run --task gaussian-quadratic --estimator reinforce", first)
            raise ResultsError(f"there are no finished cells in {where}: `{command}` makes some")
        found, told = wanted.of(found, partial(echo, err=True))
    else:
        wanted.require_own()
    for path in write(kind, found, file, chosen, Page(style, columns, note="; ".join(told)), groups, data):
        if not is_standard_output(path):
            echo(path)
    if found is not None:
        table = with_folders("bench table --across task --format latex", results)
        echo(f"next: `{table}` for the numbers", err=True)
