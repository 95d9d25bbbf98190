"""Options that say where cells run, and which part of them."""

from typing import Any, final

import click

from bench.errors import UsageError


@final
class ShardType(click.ParamType):
    """A part of a grid, as `1/4`."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        # It imports what needs torch.
        from bench.execution.shard import Shard

        try:
            return Shard.parse(value) if isinstance(value, str) else value
        except UsageError as error:
            self.fail(str(error), param, ctx)


@final
class Setting(click.ParamType):
    """An option of another program, as `partition=gpu`."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not (key.strip() and equals):
            self.fail(f"'{value}' is not a setting: give key=value, such as partition=gpu", param, ctx)
        return key.strip().replace("-", "_"), text.strip()
