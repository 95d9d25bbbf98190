"""`bench report`: results as one HTML file."""

from functools import partial
from pathlib import Path

import click

from bench.cli.tuning import selecting
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
    help="The file; - is standard output. An existing one is replaced.",
)
@selecting
@click.option("--skip-unreadable", is_flag=True, help="Leave out unreadable files, and name them.")
def report(
    results: tuple[Path, ...], out: Path, selected: tuple[str, ...], select_by: str | None, skip_unreadable: bool
) -> None:
    """Write RESULTS as one HTML file: results folders, or tasks or cells in them (default: results).

    The file needs nothing else and no network, so it can be sent by mail: what was run where, tables to sort and
    filter, interactive figures, what each estimator is, and the verdicts of `bench check --out`. Numbers are those of
    `bench table` and `bench plot`. This needs `pip install 'varbench[report]'`.

    \b
    bench report
    bench report from-laptop from-cluster --out for-anna.html
    bench report --select guide-lr
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
    write_report(found, out, results or (Path("results"),), warn, selected, select_by)
    if not is_standard_output(out):
        echo(out)
    echo(f"next: open it in a browser; `{with_folders('bench table', results)}` has its tables in a terminal", err=True)
