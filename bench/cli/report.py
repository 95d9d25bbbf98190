"""`bench report`: results as one HTML file."""

from functools import partial
from pathlib import Path

import click

from bench.errors import ResultsError
from bench.escaping import echo
from bench.names.commands import with_folders, with_out


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file; - is standard output. One of that name is replaced.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out what cannot be read, and name it.")
def report(results: tuple[Path, ...], out: Path, skip_unreadable: bool) -> None:
    """Write RESULTS, results folders, or tasks or cells in them, by default results, as one HTML file.

    It needs nothing else and no network, so that it can be sent by mail: what was run on what, tables to sort and to
    filter, figures that answer to the mouse, what each estimator is, and the verdicts of `bench check --out`. Numbers
    are those of `bench table` and `bench plot`. It takes `pip install 'varbench[report]'`.

    \b
    bench report
    bench report from-laptop from-cluster --out for-anna.html
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    from bench.report.scripts import require_report

    require_report()
    from bench.figures.output import is_standard_output
    from bench.report.page import write_report
    from bench.results.tables import load

    warn = partial(echo, err=True)
    found = load(*results, errors="skip" if skip_unreadable else "raise", warn=warn)
    if found.final.empty:
        where, first = ", ".join(map(str, results)) or "results", (*results, Path("results"))[0]
        command = with_out("bench run --task gaussian-quadratic --estimator reinforce", first)
        raise ResultsError(f"there are no finished cells in {where}: `{command}` makes some")
    write_report(found, out, results or (Path("results"),), warn)
    if not is_standard_output(out):
        echo(out)
    echo(f"next: open it in a browser; `{with_folders('bench table', results)}` has its tables in a terminal", err=True)
