"""`--plugin MODULE`: whose code a command that reads results may run."""

from collections.abc import Sequence
from typing import Final

import click

from bench.names.consent import name_modules


def _name(_context: click.Context, _option: click.Parameter, modules: Sequence[str]) -> None:
    name_modules(text.partition(":")[0] for text in modules)


PLUGIN: Final = click.option(
    "--plugin",
    multiple=True,
    metavar="MODULE",
    callback=_name,
    expose_value=False,
    help="Import tasks and estimators from this module if results name them; repeatable.",
)
"""Otherwise only varbench's own code is imported, whatever results name."""
