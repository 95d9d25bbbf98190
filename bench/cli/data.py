"""`bench data`: list, fetch and verify datasets."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from tasks.data import DataUnavailable
from tasks.data.catalogue import DATASETS, File

if TYPE_CHECKING:
    from tasks.data.cache import Status

_NAME = click.Choice(list(DATASETS))


@click.group()
def data() -> None:
    """List, fetch and verify datasets.

    They lie in your user cache, or in the folder that the environment variable BENCH_DATA names.
    """


@data.command("list", short_help="Show every dataset.")
def list_() -> None:
    """Show every dataset: its size, whether it is in the cache, what it is, and whose.

    `by hand` means that no public address could be verified: copy the files into the cache folder yourself.
    """
    from tasks.data.cache import cache_folder, present

    table = _table("name", "size", "in cache", "what", "licence and credit")
    for name, dataset in DATASETS.items():
        here = "yes" if present(name) else "no" if dataset.fetchable else "no, by hand"
        table.add_row(name, f"{dataset.size / 1e6:.1f} MB", here, dataset.summary, dataset.licence)
    _print(table)
    click.echo(f"\ncache folder: {cache_folder()}\nnext: bench data fetch NAME")


@data.command(short_help="Download datasets.")
@click.argument("names", nargs=-1, type=_NAME, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="Every dataset with a public address.")
def fetch(names: Sequence[str], everything: bool) -> None:
    """Download datasets into the cache folder.

    What is there and intact is kept; an interrupted download is continued by running the same command again.
    """
    if not names and not everything:
        raise click.UsageError("name a dataset, or say --all; `bench data list` shows what there is")
    from tasks.data.cache import cache_folder
    from tasks.data.cache import fetch as fetch_dataset

    wanted = [name for name, dataset in DATASETS.items() if name in names or (everything and dataset.fetchable)]
    fetched: list[str] = []
    failures: list[str] = []
    with _progress() as progress:
        for name in wanted:
            try:
                paths = fetch_dataset(name, progress)
            except DataUnavailable as error:
                failures.append(str(error))
            else:
                count = f"{len(paths)} file" + "s" * (len(paths) > 1)
                fetched.append(f"{name}: {count} in {cache_folder() / DATASETS[name].folder}")
    # Not before the bars are gone: on a terminal they would be drawn over.
    for line in fetched:
        click.echo(line)
    if failures:
        raise DataUnavailable("; ".join(failures))
    click.echo("next: bench list")


@data.command(short_help="Compare files with their checksums.")
@click.argument("names", nargs=-1, type=_NAME, metavar="[NAME...]")
def verify(names: Sequence[str]) -> None:
    """Compare files with their checksums: of the named datasets, or of whatever is in the cache.

    Exit code 4 if a file is missing or corrupt.
    """
    from tasks.data.cache import cache_folder
    from tasks.data.cache import verify as verify_dataset

    found = {name: verify_dataset(name) for name in names or DATASETS}
    if not names:
        found = {name: files for name, files in found.items() if set(files.values()) != {"missing"}}
    table = _table("dataset", "file", "status", "checksum")
    for name, files in found.items():
        for path, status in files.items():
            table.add_row(name, path, status, "published" if DATASETS[name].published else "recorded by varbench")
    if found:
        _print(table)
        click.echo()
    click.echo(f"cache folder: {cache_folder()}" + ("" if found else " (no dataset is in it)"))
    _refuse_damage(found)


def _refuse_damage(found: "dict[str, dict[str, Status]]") -> None:
    damaged = {name: sum(status != "ok" for status in files.values()) for name, files in found.items()}
    bad = [name for name, count in damaged.items() if count]
    if not bad:
        return
    fetchable = " ".join(name for name in bad if DATASETS[name].fetchable)
    mend = f"run `bench data fetch {fetchable}`" if fetchable else "copy them into the cache folder"
    total = sum(map(len, found.values()))
    raise DataUnavailable(f"{sum(damaged.values())} of {total} files are missing or corrupt ({', '.join(bad)}); {mend}")


@contextmanager
def _progress() -> "Iterator[Callable[[File, int], None]]":
    """Show a bar for every file on stderr, on a terminal only."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=False) as bars:
        tasks: dict[File, TaskID] = {}

        def update(file: File, done: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file.path, total=file.size)
            bars.update(tasks[file], completed=done)

        yield update


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        whole = column in ("name", "dataset", "file", "size", "in cache")
        table.add_column(column, no_wrap=whole, justify="right" if column == "size" else "left")
    return table


def _print(table: Table) -> None:
    """Print to stdout; into a pipe, which has no width to respect, with one line per row."""
    Console(width=None if sys.stdout.isatty() else 240).print(table)
