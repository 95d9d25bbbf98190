"""`bench results export`: every value in one file, and every datapoint in another."""

from functools import partial
from pathlib import Path
from typing import Final

import click

from bench.errors import ResultsError
from bench.escaping import echo
from bench.names.commands import with_out

_NAME: Final = "values"
_DATAPOINTS: Final = "per_datapoint"
_ENDINGS: Final = (".parquet", ".csv")


@click.command(short_help="Everything in one Parquet file and one CSV file.")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help=f"The files, without their ending; for an existing folder, {_NAME}.parquet and {_NAME}.csv in it. Bounds of "
    f"single datapoints go beside them, into files whose names end in {_DATAPOINTS}.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out unreadable files, and name them.")
def export(results: tuple[Path, ...], out: Path, skip_unreadable: bool) -> None:
    """Write all of RESULTS as one long table: results folders, or tasks or cells in them (default: results).

    Each row is a value: a metric of a gradient, a number of a training step, or one at the end of training. With it
    come its unit and interval, everything that identifies its cell, how the cell ended, and where it was run.
    results/README.md lists the columns. The bounds of single test datapoints, which may be a thousand times as many,
    go into files of their own. Existing files are replaced.

    \b
    bench results export --out all
    bench results export from-laptop from-cluster --out paper/data
    """  # noqa: D301 - click wants a backspace, not a backslash
    from bench.results.tables import load, write_frame
    from bench.results.values import write_values

    found = load(*results, errors="skip" if skip_unreadable else "raise", warn=partial(echo, err=True))
    if found.final.empty:
        where, first = ", ".join(map(str, results)) or "results", (*results, Path("results"))[0]
        command = with_out("bench run --task gaussian-quadratic --estimator reinforce", first)
        raise ResultsError(f"there are no finished cells in {where}: `{command}` makes some")
    # Read before anything is written: a damaged file ends it here.
    datapoints, prefix = found.datapoints, _prefix(out)
    written = write_values(found, prefix)
    if len(datapoints):
        beside = _DATAPOINTS if out.is_dir() else f"{prefix.name}-{_DATAPOINTS}"
        written += write_frame(datapoints, prefix.with_name(beside))
    for path in written:
        echo(path)


def _prefix(out: Path) -> Path:
    """Return where the files go, without their endings."""
    if out.is_dir():
        return out / _NAME
    return out.with_suffix("") if out.suffix in _ENDINGS else out
