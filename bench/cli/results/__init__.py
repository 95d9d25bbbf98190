"""`bench results`: look after results folders."""

import click

from bench.cli.results.merge import merge
from bench.cli.results.validate import validate


@click.group()
def results() -> None:
    """Look after results folders."""


results.add_command(validate)
results.add_command(merge)
