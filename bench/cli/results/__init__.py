"""`bench results`: look after results folders."""

import click

from bench.cli.results.clean import clean
from bench.cli.results.export import export
from bench.cli.results.merge import merge
from bench.cli.results.validate import validate


@click.group()
def results() -> None:
    """Look after results folders."""


results.add_command(validate)
results.add_command(merge)
results.add_command(export)
results.add_command(clean)
