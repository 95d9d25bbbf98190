"""What commands print: JSON for programs to read."""

import math
from collections.abc import Mapping
from typing import Any, Final

import click

from bench.escaping import as_json, echo


def print_json(content: Any) -> None:
    """Print plain values, mappings and lists as JSON on stdout; a number that is not finite is null.

    >>> from bench.cli.output import print_json
    >>> print_json({"variance": 0.1, "seeds": [0, 1], "bias": float("nan")})
    {
     "variance": 0.1,
     "seeds": [
      0,
      1
     ],
     "bias": null
    }
    """
    echo(as_json(finite(content)))


def finite(value: Any) -> Any:
    """Return plain values, mappings and lists with null for numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


FORMAT: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json is for programs.",
)
"""The option of commands that print for readers or for programs."""
