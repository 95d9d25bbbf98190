"""`bench samples`: what trained models have learned: images, clusters, tracks, topics."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bench.cli.numbers import Whole
from bench.cli.plot import STYLES
from bench.cli.plugins import PLUGIN
from bench.errors import BenchError, UsageError
from bench.escaping import echo
from bench.names.commands import with_folders
from bench.pictures import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures.page import Format, Page


class _Command(click.Command):
    """Lists the kinds of pictures in its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Kinds"):
            formatter.write_dl(list(KINDS.items()))


@click.command(cls=_Command)
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(list(KINDS)),
    metavar="KIND",
    multiple=True,
    help="Kind of picture; repeatable.  [default: all that fit]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("samples"),
    show_default=True,
    help="Folder; - is standard output, for a single picture.",
)
@click.option("--format", "form", type=click.Choice(("pdf", "svg", "png")), default="pdf", show_default=True)
@click.option(
    "--style", type=click.Choice(STYLES), default="neurips", show_default=True, help="Size and fonts of a venue."
)
@click.option(
    "--columns", type=click.IntRange(1, 2), default=2, show_default=True, help="Width, in columns of a two-column page."
)
@click.option("--seed", type=Whole(), default=0, show_default=True, help="Seed of the draws and the choice of images.")
@PLUGIN
def samples(
    results: tuple[Path, ...],
    kinds: tuple[str, ...],
    out: Path,
    form: "Format",
    style: str,
    columns: int,
    seed: int,
) -> None:
    """Show what trained models in RESULTS have learned: results folders, or tasks or cells in them (default: results).

    Each finished run of an image model, gaussian-mixture, hmm or lda gets a file per kind, OUT/TASK/CELL/KIND. Images
    are means of the pixels given latents. For lda, the most probable words of each topic are printed, too.

    \b
    bench samples
    bench samples results/vae-mnist --kind traversal --kind latent --format png
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    from bench.figures.output import STANDARD_OUTPUT, writing
    from bench.figures.page import Page

    chosen = (results or (Path("results"),), kinds)
    page = Page(style, columns)
    if out == STANDARD_OUTPUT:
        # How many pictures there are is known once they are drawn.
        with TemporaryDirectory() as folder:
            content = _only_picture(list(_shown(*chosen, Path(folder), form, page, seed)))
        with writing(out) as stream:
            stream.write(content)
    else:
        for line in _shown(*chosen, out, form, page, seed):
            echo(line)
    echo(f"next: `{with_folders('bench plot elbo', results)}` for how they got there", err=True)


def _only_picture(shown: list[Path | str]) -> bytes:
    files = [one for one in shown if isinstance(one, Path)]
    if len(files) != 1:
        raise UsageError(
            f"`--out -` takes one picture, but there are {len(files) or 'none'}: give one cell, and one --kind"
        )
    return files[0].read_bytes()


def _shown(
    results: tuple[Path, ...], kinds: tuple[str, ...], out: Path, form: "Format", page: "Page", seed: int
) -> "Iterator[Path | str]":
    """Draw what there is of finished runs; give files, or lines to print, and say at the end what was left out."""
    from bench.pictures.subjects import kinds_of
    from bench.pictures.topics import topic_lines
    from bench.pictures.trained import finished
    from bench.pictures.write import pictures
    from tasks.data import DataUnavailable
    from tasks.latent_variables.lda import LDA

    written, reasons, errors = 0, [], []
    for run in finished(results, reasons.append):
        try:
            task = run.task()
            for line in pictures(run, task, kinds or kinds_of(task), out, form, page, seed, reasons.append):
                yield line
                written += 1
            if isinstance(task, LDA) and (not kinds or "topics" in kinds):
                yield from topic_lines(run, task)
        except (BenchError, DataUnavailable) as error:
            # What is wrong with one run is no reason to leave out the others.
            errors.append(error)
            reasons.append(str(error))
    if not written:
        raise errors[0] if errors else UsageError("; ".join(dict.fromkeys(reasons)))
    for reason in dict.fromkeys(reasons):
        echo(f"left out: {reason}", err=True)
