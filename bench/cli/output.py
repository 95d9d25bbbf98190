"""What commands print for programs to read."""

import json
import math
from collections.abc import Mapping
from typing import Any

import click


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
