"""Durations and sizes on the command line."""

import re
from typing import Any, Final, final

import click

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES: Final = {
    f"{prefix}{unit}b": base**power
    for power, prefix in enumerate("kmgt", 1)
    for unit, base in (("", 1000), ("i", 1024))
}
_AMOUNT: Final = re.compile(
    r"\s*(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*(?P<unit>[a-z]*)\s*", re.IGNORECASE
)


def _parsed(text: str, units: dict[str, int]) -> float | None:
    """Return a positive amount in the smallest of its units; None where the text is none."""
    found = _AMOUNT.fullmatch(text)
    size = units.get(found["unit"].lower()) if found else None
    amount = float(found["number"]) * size if found and size else 0.0
    return amount if amount > 0 else None


@final
class Duration(click.ParamType):
    """Seconds, or `90s`, `10m`, `2h`, `1d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        amount = _parsed(value, _SECONDS)
        if amount is None:
            self.fail(
                f"'{value}' is not a duration: give seconds, or a number with s, m, h or d, such as 90, 10m or 2h",
                param,
                ctx,
            )
        return amount


@final
class Bytes(click.ParamType):
    """A size in memory, as `500MB`, `4GB` or `4GiB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        amount = _parsed(value, _BYTES)
        if amount is None or amount < 1:
            self.fail(
                f"'{value}' is not a size: give a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 4GB",
                param,
                ctx,
            )
        return int(amount)
