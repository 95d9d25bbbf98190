"""`bench results merge`: results of several machines in one folder."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from bench.cli.output import FORMAT, print_json
from bench.errors import CellBusy, ResultsError, UsageError
from bench.escaping import echo
from bench.names.commands import with_folder

if TYPE_CHECKING:
    from bench.results.merging import Outcome, Prefer

_CONFLICT: Final = 1
_TOLD: Final = ("conflict", "replaced", "unreadable", "busy")
"""Outcomes that are named one by one; the others are counted."""
_COUNTED: Final = {
    "copied": "copied",
    "completed": "given a file that they lacked",
    "same": "already the same",
    "kept": "kept as preferred",
    "replaced": "replaced as preferred",
    "unfinished": "unfinished, and left where they are",
    "conflict": "in conflict, and left as they are",
    "busy": "being run by another process, and left",
}
_BESIDES: Final = {"run": "notes of runs", "trajectory": "reference trajectories"}


@click.command(short_help="Results of several machines in one folder.")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), required=True, help="The results folder to copy into.")
@click.option(
    "--prefer",
    metavar="newest|FOLDER",
    help="Which record of a cell wins if they differ: the one started last, or the one in FOLDER, which is one of "
    "RESULTS or that of --into.  [default: neither, and the cell is left as it is]",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen to each cell, and change nothing.")
@FORMAT
def merge(
    results: tuple[Path, ...], into: Path, prefer: str | None, dry_run: bool, form: Literal["text", "json"]
) -> None:
    """Copy RESULTS, which are results folders, or tasks or cells in them, into one folder.

    Records are copied with their parameters, the notes of the runs that made them and reference trajectories; what is
    already there stays. If records of a cell differ, the differences are named, and the cell is left as it is unless
    --prefer says which record wins. Damaged files are named and left out. Unfinished cells are not copied. If a merge
    was interrupted, run it again. The tables of the folder are made again.

    Exit codes: 0 everything is merged; 1 records differ, and were left; 5 something could not be read; 6 another
    process is running a cell there.

    \b
    bench results merge from-laptop from-cluster --into results --dry-run
    bench results merge from-laptop from-cluster --into results
    bench results merge from-cluster --into results --prefer newest
    """  # noqa: D301 - click wants a backspace, not a backslash
    from bench.results.merging import merged
    from bench.results.store import Store, locate
    from bench.results.tables import export

    sources = [locate(folder) for folder in dict.fromkeys(results)]
    if into.exists() and locate(into)[1] is not None:
        raise UsageError(f"--into {into} is a task or a cell: give the results folder that it is in")
    store = Store(into)
    if any(source.folder.resolve() == into.resolve() for source, _ in sources):
        raise UsageError(f"{into} cannot be merged into itself: leave it out of RESULTS")
    preferred = _preferred(prefer, [*results, into])
    if not dry_run:
        store.ensure_writable()
    found = list(merged(sources, store, preferred, dry_run))
    counts = Counter(one.what for one in found)
    if not dry_run and counts.keys() & {"copied", "replaced", "run"}:
        export(into, errors="skip", warn=partial(echo, err=True))
    if form == "json":
        print_json(_as_json(found, dry_run))
    else:
        echo(_as_text(found, counts, dry_run))
    _advise(counts, into, dry_run)
    click.get_current_context().exit(_exit_code(counts))


def _preferred(prefer: str | None, folders: Sequence[Path]) -> "Prefer":
    """Return whose record wins.

    Raises:
        UsageError: it is no folder of the merge.
    """
    if prefer is None or prefer == "newest":
        return prefer
    if Path(prefer).resolve() not in [folder.resolve() for folder in folders]:
        there = ", ".join(str(folder) for folder in folders)
        raise UsageError(f"--prefer {prefer} is not in this merge: give newest, or one of {there}")
    return Path(prefer)


def _as_json(found: "Sequence[Outcome]", dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "counts": Counter(one.what for one in found),
        "outcomes": [
            {"what": one.what, "path": str(one.path), "said": list(one.said)} for one in found if one.what != "same"
        ],
    }


def _as_text(found: "Sequence[Outcome]", counts: Counter[str], dry_run: bool) -> str:
    """Return a paragraph for each outcome that a reader is to know, then how many there are of each kind."""
    told = [one for one in found if one.what in _TOLD or one.said]
    paragraphs = ["\n".join([f"{one.what}: {one.path}", *(f"  {line}" for line in one.said)]) for one in told]
    words = [f"{counts[what]} {said}" for what, said in _COUNTED.items() if counts[what]]
    words += [f"{counts['unreadable']} unreadable, and left out"] if counts["unreadable"] else []
    cells = f"{'a dry run: ' if dry_run else ''}cells: {', '.join(words) or 'none'}"
    besides = [f"{counts[what]} {said}" for what, said in _BESIDES.items() if counts[what]]
    return "\n\n".join([*paragraphs, f"{cells}{'; besides: ' if besides else ''}{', '.join(besides)}"])


def _advise(counts: Counter[str], into: Path, dry_run: bool) -> None:
    if counts["conflict"]:
        echo(
            "next: give the same command with `--prefer newest` or `--prefer FOLDER` to settle the differences",
            err=True,
        )
    elif not dry_run and counts["copied"]:
        echo(f"next: `{with_folder('bench status', into)}` for what is there now", err=True)


def _exit_code(counts: Counter[str]) -> int:
    if counts["unreadable"]:
        return ResultsError.exit_code
    if counts["busy"]:
        return CellBusy.exit_code
    return _CONFLICT if counts["conflict"] else 0
