"""Numbers on the command line."""

from typing import Any

import click

from bench.spec import parse_numbers


class Numbers(click.ParamType):
    """Numbers and ranges, as `1,5,50` or `0-4`."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else tuple(parse_numbers(value))
