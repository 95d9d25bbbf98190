"""`name(parameter=value)` as a command-line parameter."""

from typing import Any, Literal, final

import click

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
