"""`bench results clean`: remove leftovers."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from bench.cli.output import FORMAT, print_json
from bench.errors import UsageError
from bench.escaping import echo

if TYPE_CHECKING:
    from bench.results.cleaning import Orphan

_MOST_NAMED: Final = 10
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


@click.command(short_help="Remove leftovers, such as orphaned checkpoints.")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and stop.")
@FORMAT
def clean(results: tuple[Path, ...], yes: bool, dry_run: bool, form: Literal["text", "json"]) -> None:
    """Remove what nothing reads any more from RESULTS: results folders, or tasks or cells in them (default: results).

    \b
    - Orphaned checkpoints, of cells that have since finished or diverged. The
      checkpoint of an interrupted, failed or limited cell stays, since a later
      run continues from it, as does that of a cell that is being run again.
    - Reference trajectories of tasks all of whose cells have ended; an
      estimator that is added later trains the trajectory again.
    - Notes of runs that no record refers to and all of whose cells have ended.
    - Notes of started cells, and tracebacks, that the cell's record supersedes.
    - Half-written files of processes that are gone, and locks that nobody holds.

    Files of a running cell are not touched, nor is anything that an unreadable record may refer to. Before it asks, the
    command lists the files and their size.

    \b
    bench results clean --dry-run
    bench results clean results from-laptop --yes
    """  # noqa: D301 - click wants a backspace, not a backslash
    from bench.results.cleaning import orphans, remove
    from bench.results.store import locate

    located = [locate(folder) for folder in dict.fromkeys(results or (Path("results"),))]
    found = [(store, below, orphans(store, below)) for store, below in located]
    every = list({orphan.path: orphan for _, _, of_one in found for orphan in of_one}.values())
    if form == "text":
        echo(_as_text(every))
    removed = []
    if every and not dry_run:
        if not _is_wanted(yes, len(every)):
            echo("nothing was removed", err=True)
            return
        removed = [one for store, below, of_one in found for one in remove(store, of_one, below)]
    if form == "json":
        print_json({"left_over": [_as_json(one) for one in every], "removed": [str(one.path) for one in removed]})
    elif removed:
        left = len(every) - len(removed)
        more = f"; {left} left, since a process has started to use {'it' if left == 1 else 'them'}" if left else ""
        echo(f"removed {_counted(removed)}{more}")


def _is_wanted(yes: bool, count: int) -> bool:
    """Return whether files are to be removed, having asked.

    Raises:
        UsageError: there is nobody to ask.
    """
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "nothing was removed: there is no terminal to ask on, so give --yes, or --dry-run to look only"
        )
    return yes or click.confirm(f"Remove {'it' if count == 1 else 'them'}?", err=True)


def _as_json(orphan: "Orphan") -> dict[str, object]:
    return {"file": str(orphan.path), "kind": orphan.kind, "bytes": orphan.bytes}


def _as_text(found: "Sequence[Orphan]") -> str:
    """Return the files of each kind, with how many there are and how large they are."""
    if not found:
        return "there is nothing to remove"
    return "\n\n".join(["\n".join(_lines(found)), f"{_counted(found)} to remove"])


def _lines(found: "Sequence[Orphan]") -> Iterator[str]:
    for kind in dict.fromkeys(orphan.kind for orphan in found):
        of_kind = [orphan for orphan in found if orphan.kind == kind]
        yield f"{kind}: {_counted(of_kind)}"
        yield from (f"  {orphan.path}" for orphan in of_kind[:_MOST_NAMED])
        if len(of_kind) > _MOST_NAMED:
            yield f"  and {len(of_kind) - _MOST_NAMED} more"


def _counted(found: "Sequence[Orphan]") -> str:
    size, unit = float(sum(orphan.bytes for orphan in found)), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{len(found)} file{'s' * (len(found) != 1)}, {size:.{min(unit, 1)}f} {_UNITS[unit]}"
