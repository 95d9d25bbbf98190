"""`bench new`: start a package of one's own."""

import shlex
from pathlib import Path

import click

from bench.cli.new.package import KINDS, files, names, trials, write
from bench.escaping import echo


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the package.  [default: NAME]")
def new(kind: str, name: str, out: Path | None) -> None:
    """Write a package with an estimator or a task that works as it is, for you to change.

    It has one class, its test, and an entry point that lets `bench` find it as NAME once the package is installed.
    Module and class are named after NAME. docs/your-own.md explains what is in it.

    \b
    bench new estimator my-baseline
    bench new task my-model --out work/my-model
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    called = names(kind, name)
    folder = out or Path(name)
    for path in write(folder, files(kind, called)):
        echo(path)
    echo("next:", err=True)
    for step in (f"cd {shlex.quote(str(folder))}", "pip install -e '.[test]'", "pytest", *trials(kind, called)):
        echo(f"  {step}", err=True)
