"""`bench reproduce`: published experiments, with their numbers beside ours."""

from pathlib import Path
from typing import Any

import click

from bench.cli import completion
from bench.escaping import echo
from bench.reproduce import RECIPES, resolve


@click.command()
@click.argument("name", required=False, shell_complete=completion.recipes)
@click.option("--list", "listed", is_flag=True, help="Name the recipes.")
@click.option("--quick", is_flag=True, help="A shorter version, which says what it leaves out.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Results folder."
)
@click.option("--rerun", type=click.Choice(["failed", "stale", "all"]), help="Run finished cells again.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and why, and stop.")
@click.option(
    "--table",
    type=click.Choice(["text", "markdown", "latex"]),
    default="text",
    show_default=True,
    help="Format of the tables.",
)
@click.option("--format", "form", type=click.Choice(["pdf", "svg", "png"]), default="pdf", show_default=True)
@click.option("--style", default="neurips", show_default=True, help="Size and fonts of a venue, as in `bench plot`.")
@click.option("--data", is_flag=True, help="Also write the rows that the figure shows, as CSV beside it.")
def reproduce(name: str | None, listed: bool, **options: Any) -> None:
    """Run the experiment NAME, print published or theoretical numbers beside ours, and draw its figure.

    Finished cells in the results folder are not run again, and interrupted ones continue.

    \b
    bench reproduce lecture-evidence
    bench reproduce rainforth-2018 --quick --out quick
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    if name is None or listed:
        width = max(map(len, RECIPES))
        for known, entry in RECIPES.items():
            echo(f"{known:<{width}}  {entry.summary}")
        echo("next: bench reproduce NAME, or NAME --quick", err=True)
        return
    resolve(name)
    from bench.execution.invocation import Asked
    from bench.figures.page import Page
    from bench.reproduce.run import Printing, reproduce

    how = Printing(options["table"], options["form"], Page(options["style"]), options["data"])
    asked = Asked(options["out"], options["rerun"], options["dry_run"], plot=False)
    reproduce(name, "quick" if options["quick"] else "full", options["device"], asked, how)
