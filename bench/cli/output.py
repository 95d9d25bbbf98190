"""What commands print: JSON for programs to read, lines that fit the terminal."""

import json
import math
from collections.abc import Mapping
from textwrap import wrap
from typing import Any, Final

import click

from bench.results.text import terminal_width


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
    click.echo(json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def folded(line: str, indent: int) -> str:
    """Return a line in lines no wider than the terminal, broken at spaces; all but the first begin with an indent."""
    return "\n".join(
        wrap(
            line,
            terminal_width(),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


FORMAT: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json is for programs.",
)
"""The option of commands that print for readers or for programs."""
