"""`name(parameter=value)` as a command-line parameter."""

from typing import Any, Literal, final

import click
from click.shell_completion import CompletionItem

from bench.cli import completion
from bench.names.selecting import Pattern, is_pattern, select
from bench.names.spec import Spec, parse_spec


@final
class SpecType(click.ParamType):
    """`name` or `name(parameter=value, ...)`, completed and checked without importing torch.

    Args:
        kind: what it names.
        patterns: whether `all`, `family:*` and `name*` are taken, too.
    """

    name = "name(parameter=value)"

    def __init__(self, kind: Literal["task", "estimator"], patterns: bool = False) -> None:
        self.kind, self.patterns = kind, patterns

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Spec | Pattern:
        from bench.names.registry import ESTIMATORS, TASKS

        if isinstance(value, Spec | Pattern):
            return value
        registry = TASKS if self.kind == "task" else ESTIMATORS
        if self.patterns and is_pattern(value):
            select(registry, value)
            return Pattern(value)
        spec = parse_spec(value)
        registry.resolve(spec.name)
        return spec

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if self.kind == "task":
            return completion.tasks(ctx, param, incomplete)
        return (completion.estimators_and_patterns if self.patterns else completion.estimators)(ctx, param, incomplete)
