"""`bench data`: list, fetch and verify datasets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from bench.cli.output import FORMAT, print_json
from bench.escaping import echo
from bench.execution.console import Console
from bench.results.render import render
from tasks.data import DataUnavailable
from tasks.data.catalogue import DATASETS, File

if TYPE_CHECKING:
    from tasks.data.cache import Status

_NAME = click.Choice(list(DATASETS))


@click.group()
def data() -> None:
    """List, fetch and verify datasets.

    They are in your user cache, or in the folder named by the environment variable BENCH_DATA.
    """


@data.command("list", short_help="Show every dataset.")
@FORMAT
def list_(form: Literal["text", "json"]) -> None:
    """Show every dataset: its size, whether it is in the cache, what it is, its licence and its authors.

    `by hand` means that no public address could be verified: copy the files into the cache folder yourself.
    """
    from tasks.data.cache import cache_folder, present

    if form == "json":
        sets = [
            {
                "name": name,
                "bytes": dataset.size,
                "in_cache": present(name),
                "fetchable": dataset.fetchable,
                "summary": dataset.summary,
                "licence": dataset.licence,
            }
            for name, dataset in DATASETS.items()
        ]
        print_json({"folder": str(cache_folder()), "datasets": sets})
        return
    lines = []
    for name, dataset in DATASETS.items():
        here = "yes" if present(name) else "no" if dataset.fetchable else "no, by hand"
        lines.append([name, f"{dataset.size / 1e6:.1f} MB", here, dataset.summary, dataset.licence])
    echo(render("", ["name", "size", "in cache", "what", "licence and credit"], lines, "text"))
    echo(f"\ncache folder: {cache_folder()}")
    echo("next: `bench data fetch NAME`", err=True)


@data.command(short_help="Download datasets.")
@click.argument("names", nargs=-1, type=_NAME, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="Every dataset with a public address.")
def fetch(names: Sequence[str], everything: bool) -> None:
    """Download datasets into the cache folder.

    Intact files are kept; to continue an interrupted download, run the same command again.
    """
    if not names and not everything:
        raise click.UsageError("name a dataset, or give --all; `bench data list` shows them")
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
        echo(line)
    if failures:
        raise DataUnavailable("; ".join(failures))
    echo("next: `bench list`", err=True)


@data.command(short_help="Compare files with their checksums.")
@click.argument("names", nargs=-1, type=_NAME, metavar="[NAME...]")
@FORMAT
def verify(names: Sequence[str], form: Literal["text", "json"]) -> None:
    """Compare the files of the named datasets, or of all in the cache, with their checksums.

    The exit code is 4 if a file is missing or corrupt.
    """
    from tasks.data.cache import cache_folder
    from tasks.data.cache import verify as verify_dataset

    found = {name: verify_dataset(name) for name in names or DATASETS}
    if not names:
        found = {name: files for name, files in found.items() if set(files.values()) != {"missing"}}
    lines = [
        [name, path, status, "published" if DATASETS[name].published else "recorded by varbench"]
        for name, files in found.items()
        for path, status in files.items()
    ]
    keys = ["dataset", "file", "status", "checksum"]
    if form == "json":
        print_json({"folder": str(cache_folder()), "files": [dict(zip(keys, line, strict=True)) for line in lines]})
    else:
        if found:
            echo(render("", keys, lines, "text", keys=2) + "\n")
        echo(f"cache folder: {cache_folder()}" + ("" if found else " (no dataset is in it)"))
    _refuse_damage(found)


def _refuse_damage(found: "dict[str, dict[str, Status]]") -> None:
    damaged = {name: sum(status != "ok" for status in files.values()) for name, files in found.items()}
    bad = [name for name, count in damaged.items() if count]
    if not bad:
        return
    fetchable = " ".join(name for name in bad if DATASETS[name].fetchable)
    mend = f"run `bench data fetch {fetchable}`" if fetchable else "copy them into the cache folder"
    total = sum(map(len, found.values()))
    raise DataUnavailable(f"{sum(damaged.values())} of {total} files missing or corrupt ({', '.join(bad)}); {mend}")


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
