"""Pages of estimators and tasks, made of what `bench info NAME --format json` says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from click.testing import CliRunner

import estimators as all_estimators
import tasks as all_tasks
from bench.cli import cli

Known = Mapping[str, Any]

_FIELDS: Final = (
    "gradient", "paper", "target", "objective", "reference", "training", "bias", "latents", "samples", "cost",
    "trains φ", "dtype",
)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Estimators or tasks of one kind.

    Attributes:
        title: what they are.
        members: what is known of each.
        summaries: a line about each.
    """

    title: str
    members: tuple[Known, ...]
    summaries: tuple[str, ...]


@cache
def estimators() -> tuple[Group, ...]:
    """Return every estimator of ours, by family."""
    return _groups(all_estimators.FAMILIES, all_estimators.INDEX)


@cache
def tasks() -> tuple[Group, ...]:
    """Return every task of ours, by kind."""
    return _groups(all_tasks.FAMILIES, all_tasks.INDEX)


def _groups(families: Mapping[str, Sequence[str]], index: Mapping[str, tuple[str, str]]) -> tuple[Group, ...]:
    return tuple(
        Group(
            title.replace("_", " ").capitalize(),
            tuple(_known(name) for name in names),
            tuple(index[name][1] for name in names),
        )
        for title, names in families.items()
    )


def _known(name: str) -> Known:
    outcome = CliRunner().invoke(cli, ["info", name, "--format", "json"], catch_exceptions=False)
    return json.loads(outcome.stdout)


def index(title: str, groups: Sequence[Group]) -> str:
    """Return a page that lists all, a table for each group."""
    lines = [f"# {title}", "", "`bench list` names them in a terminal, `bench list --matrix` shows which fit which."]
    for group in groups:
        lines += ["", f"## {group.title}", "", "| name | |", "| --- | --- |"]
        for known, summary in zip(group.members, group.summaries, strict=True):
            lines.append(f"| [{known['name']}]({known['name']}.md) | {_cell(summary)} |")
    return "\n".join(lines)


def page(known: Known) -> str:
    """Return the page of an estimator or a task."""
    first, _, more = str(known["documentation"]).partition("\n\n")
    prose, _, parameters = f"\n\n{more}".partition("\n\nArgs:\n")
    lines = [f"# {known['name']}", "", first, prose, ""]
    if known["aliases"]:
        lines += [f"Also called {', '.join(f'`{alias}`' for alias in known['aliases'])}.", ""]
    lines += ["| property | |", "| --- | --- |"]
    lines += [f"| {field} | {_cell(known[field])} |" for field in _FIELDS if known.get(field)]
    if known["parameters"]:
        meanings = _meanings(parameters)
        lines += ["", "## Parameters", "", "| name | type | default | |", "| --- | --- | --- | --- |"]
        for one in known["parameters"]:
            default = "(none: required)" if one["required"] else f"`{one['default']}`"
            meaning = _cell(meanings.get(one["name"], ""))
            lines.append(f"| `{one['name']}` | {_cell(one['type'])} | {default} | {meaning} |")
    return "\n".join([*lines, "", "## Try it", "", "```sh", known["example"], "```", ""])


def _meanings(section: str) -> dict[str, str]:
    """Return what the entries of a docstring's `Args:` say."""
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        elif line.strip():
            found[name] += f" {line.strip()}"
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("*", "\\*").replace("_", "\\_")
