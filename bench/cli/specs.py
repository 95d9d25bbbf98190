"""`name(parameter=value)` as a command-line parameter."""

from typing import Any, Literal, final

import click
from click.shell_completion import CompletionItem

from bench.cli import completion
from bench.names.spec import Spec, parse_spec


@final
class SpecType(click.ParamType):
    """`name` or `name(parameter=value, ...)`, completed and checked without importing torch."""

    name = "name(parameter=value)"

    def __init__(self, kind: Literal["task", "estimator"]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Spec:
        from bench.names.registry import ESTIMATORS, TASKS

        spec = value if isinstance(value, Spec) else parse_spec(value)
        (TASKS if self.kind == "task" else ESTIMATORS).resolve(spec.name)
        return spec

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return (completion.tasks if self.kind == "task" else completion.estimators)(ctx, param, incomplete)
