"""`bench info NAME`: what a task or an estimator is."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, Literal

import click

from bench.cli import completion
from bench.cli.output import FORMAT, print_json
from bench.escaping import echo
from bench.names.described import Known, described
from bench.results.text import folded

_FULL: Final = 105
"""Characters that a docstring's line has at least when it is broken for its length."""

_ENTRY: Final = re.compile(r"\s*\w+: ")


@click.command()
@click.argument("name", shell_complete=completion.tasks_and_estimators)
@FORMAT
def info(name: str, form: Literal["text", "json"]) -> None:
    """Show formula, paper, requirements and parameters of NAME, a task or an estimator."""
    known = described(name)
    if form == "json":
        print_json(_as_json(known))
    else:
        _print(known)


def _as_json(known: Known) -> dict[str, object]:
    return {
        "name": known.name,
        "kind": known.kind,
        "aliases": known.aliases,
        "class": known.class_path,
        "documentation": known.documentation,
        **known.fields,
        "parameters": [asdict(parameter) for parameter in known.parameters],
        "own_names": known.own_names and asdict(known.own_names),
        "example": known.example,
    }


def _print(known: Known) -> None:
    also = f" (also {', '.join(known.aliases)})" if known.aliases else ""
    echo(f"{known.name}{also}: {known.kind}, {known.class_path}\n")
    for line in _unbroken(known.documentation.splitlines()):
        margin = 2 + len(line) - len(line.lstrip())
        echo(folded(f"  {line}", margin + (2 if _ENTRY.match(line) else 0)))
    echo()
    width = max(map(len, known.fields))
    for key, value in known.fields.items():
        echo(folded(f"  {key:<{width}}  {value}", width + 4))
    echo("\n  parameters" + ("" if known.parameters or known.own_names else ": none"))
    for parameter in known.parameters:
        default = "" if parameter.required else f" = {parameter.default}"
        echo(f"    {parameter.name}: {parameter.type}{default}")
    if known.own_names is not None:
        echo(f"    {known.own_names.name}, each by its name: {known.own_names.type}")
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
