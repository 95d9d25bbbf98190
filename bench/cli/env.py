"""`bench env`: describe this machine."""

from typing import Literal

import click

from bench.cli.output import FORMAT, print_json
from bench.escaping import echo


@click.command()
@FORMAT
@click.option("--json", "form", flag_value="json", hidden=True, help="The same as --format json.")
def env(form: Literal["text", "json"]) -> None:
    """Describe this machine, as `bench run` records it with its results."""
    from bench.machine.info import machine_info

    info = machine_info()
    if form == "json":
        print_json(info)
        return
    width = max(map(len, info))
    for key, value in info.items():
        echo(f"{key.replace('_', ' '):{width}}  {_text(value)}")


def _text(value: object) -> str:
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
