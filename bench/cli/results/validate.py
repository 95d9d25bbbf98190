"""`bench results validate`: are files as they were written?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bench.cli.output import FORMAT, print_json
from bench.errors import ResultsError
from bench.escaping import echo
from bench.names.commands import with_folders

if TYPE_CHECKING:
    from bench.results.validate import Checked


@click.command(short_help="Check that files are as they were written.")
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@FORMAT
def validate(results: tuple[Path, ...], form: Literal["text", "json"]) -> None:
    """Read every byte of RESULTS: results folders, or tasks or cells in them (default: results).

    Records, notes of runs, checkpoints and trajectories are compared with the digests that they carry, parameters with
    the one in their record. Records of schema versions before 6 carry none, but their fields are checked.

    Exit codes: 0 every file is whole; 5 some are not.

    \b
    bench results validate
    bench results validate from-a-friend --format json
    """  # noqa: D301 - click wants a backspace, not a backslash
    from bench.results.store import RECORD, locate
    from bench.results.validate import checked

    folders = results or (Path("results"),)
    found = {one.path: one for folder in folders for one in checked(*locate(folder))}.values()
    wrong = [one for one in found if one.why]
    if form == "json":
        print_json(
            {
                "files": len(found),
                "without_digest": sum(not one.digest for one in found),
                "wrong": [{"file": str(one.path), "why": one.why} for one in wrong],
            }
        )
    else:
        echo(_as_text(list(found), wrong))
    if any(one.path.name == RECORD for one in wrong):
        status = with_folders("bench status", results)
        echo(f"next: `{status}` for the cells to run again", err=True)
    if wrong:
        click.get_current_context().exit(ResultsError.exit_code)


def _as_text(found: "Sequence[Checked]", wrong: "Sequence[Checked]") -> str:
    """Return a paragraph for each file that is not whole, then how many there are."""
    from bench.results.text import folded

    bare = sum(not one.digest for one in found)
    without = f", {bare} of them without a digest to compare with" if bare else ""
    whole = len(found) - len(wrong)
    counts = f"{whole} of {len(found)} files are whole{without}" if found else "there are no files of results"
    return "\n\n".join([*(folded(one.why, 2) for one in wrong), counts])
