"""Numbers on the command line."""

import math
from typing import Any, final

import click

from bench.names.spec import LARGEST, parse_numbers


@final
class Numbers(click.ParamType):
    """Numbers and ranges, as `1,5,50` or `0-4`."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else tuple(parse_numbers(value))


@final
class Finite(click.FloatRange):
    """A number in a range that is neither infinite nor `nan`, which no comparison would refuse."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


@final
class Whole(click.IntRange):
    """A whole number from `least` up to the largest that tables hold."""

    def __init__(self, least: int = 0) -> None:
        super().__init__(least)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = super().convert(value, param, ctx)
        if number > LARGEST:
            self.fail(f"{value} is too large: whole numbers go up to {LARGEST}.", param, ctx)
        return number
