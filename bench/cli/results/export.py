"""`bench results export`: everything in one file."""

from functools import partial
from pathlib import Path
from typing import Final

import click

from bench.errors import ResultsError
from bench.escaping import echo
from bench.names.commands import with_out

_NAME: Final = "values"
_ENDINGS: Final = (".parquet", ".csv")


@click.command(short_help="Everything in one Parquet file and one CSV file.")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help=f"Where to, without an ending; in a folder that is there, {_NAME}.parquet and {_NAME}.csv.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out what cannot be read, and name it.")
def export(results: tuple[Path, ...], out: Path, skip_unreadable: bool) -> None:
    """Write all of RESULTS, results folders, or tasks or cells in them, by default results, as one long table.

    A row is a value: a metric of a gradient, a number of a training step, or one that training ended with. Beside it
    stand its unit and interval, everything that its cell is, how the cell ended, and on what it was run.
    results/README.md has the columns. A file of that name is replaced.

    \b
    bench results export --out all
    bench results export from-laptop from-cluster --out paper/data
    """  # noqa: D301 - click wants a backspace, not a backslash
    from bench.results.tables import load
    from bench.results.values import write_values

    found = load(*results, errors="skip" if skip_unreadable else "raise", warn=partial(echo, err=True))
    if found.final.empty:
        where, first = ", ".join(map(str, results)) or "results", (*results, Path("results"))[0]
        command = with_out("bench run --task gaussian-quadratic --estimator reinforce", first)
        raise ResultsError(f"there are no finished cells in {where}: `{command}` makes some")
    for path in write_values(found, _prefix(out)):
        echo(path)


def _prefix(out: Path) -> Path:
    """Return where the files go, without their endings."""
    if out.is_dir():
        return out / _NAME
    return out.with_suffix("") if out.suffix in _ENDINGS else out
