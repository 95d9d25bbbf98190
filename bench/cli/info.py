"""`bench info NAME`: what a task or an estimator is."""

import inspect
import re
from collections.abc import Sequence
from typing import Final, Literal

import click

from bench.cli import completion
from bench.cli.output import FORMAT, print_json
from bench.errors import UsageError, did_you_mean
from bench.escaping import echo
from bench.names.described import Known, describe_estimator, describe_task
from bench.names.documentation import documentation
from bench.names.registry import ESTIMATORS, TASKS, constructor_parameters, names_of_ones_own
from bench.results.text import folded

_FULL: Final = 105
"""Characters that a docstring's line has at least when it is broken for its length."""

_ENTRY: Final = re.compile(r"\s*\w+: ")


@click.command()
@click.argument("name", shell_complete=completion.tasks_and_estimators)
@FORMAT
def info(name: str, form: Literal["text", "json"]) -> None:
    """Show formula, paper, requirements and parameters of NAME, a task or an estimator."""
    if name in ESTIMATORS.aliases or name in ESTIMATORS.entries:
        known = describe_estimator(ESTIMATORS.resolve(name), ESTIMATORS.load(name))
    elif name in TASKS.aliases or name in TASKS.entries:
        known = describe_task(TASKS.resolve(name), TASKS.load(name))
    elif ":" in name:
        known = _of_path(name)
    else:
        names = [*ESTIMATORS.entries, *ESTIMATORS.aliases, *TASKS.entries, *TASKS.aliases]
        hint = did_you_mean(name, names) or "; `bench list` names them"
        raise UsageError(f"there is no task or estimator '{name}'{hint}")
    if form == "json":
        print_json(_as_json(known))
    else:
        _print(known)


def _of_path(path: str) -> Known:
    from tasks.base import Task

    found = TASKS.find(path)
    is_task = inspect.isclass(found) and issubclass(found, Task)
    return describe_task(path, TASKS.load(path)) if is_task else describe_estimator(path, ESTIMATORS.load(path))


def _as_json(known: Known) -> dict[str, object]:
    own = names_of_ones_own(known.cls)
    return {
        "name": known.name,
        "kind": known.kind,
        "aliases": known.aliases,
        "class": f"{known.cls.__module__}:{known.cls.__name__}",
        "documentation": documentation(known.cls),
        **known.fields,
        "parameters": [
            {
                "name": name,
                "type": _type(parameter),
                "required": parameter.default is inspect.Parameter.empty,
                "default": None if parameter.default is inspect.Parameter.empty else parameter.default,
            }
            for name, parameter in constructor_parameters(known.cls).items()
        ],
        "own_names": None if own is None else {"name": own.name, "type": _type(own)},
        "example": known.example,
    }


def _print(known: Known) -> None:
    also = f" (also {', '.join(known.aliases)})" if known.aliases else ""
    echo(f"{known.name}{also}: {known.kind}, {known.cls.__module__}:{known.cls.__name__}\n")
    for line in _unbroken(documentation(known.cls).splitlines()):
        margin = 2 + len(line) - len(line.lstrip())
        echo(folded(f"  {line}", margin + (2 if _ENTRY.match(line) else 0)))
    echo()
    width = max(map(len, known.fields))
    for key, value in known.fields.items():
        echo(folded(f"  {key:<{width}}  {value}", width + 4))
    parameters, own = constructor_parameters(known.cls), names_of_ones_own(known.cls)
    echo("\n  parameters" + ("" if parameters or own else ": none"))
    for name, parameter in parameters.items():
        default = "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default}"
        echo(f"    {name}: {_type(parameter)}{default}")
    if own is not None:
        echo(f"    {own.name}, each by its name: {_type(own)}")
    echo(f"\nexample: {known.example}")


def _unbroken(lines: Sequence[str]) -> list[str]:
    """Return lines, joining those that were broken because they were full."""
    joined: list[str] = []
    for above, line in zip(["", *lines], lines, strict=False):
        words = line.split()
        if words and not _ENTRY.match(line) and len(above) + len(words[0]) >= _FULL:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
    return joined


def _type(parameter: inspect.Parameter) -> str:
    return inspect.formatannotation(parameter.annotation).replace("typing.", "")
