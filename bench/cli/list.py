"""`bench list`: the names of tasks and estimators, and which fits which."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import click

from bench.cli.output import FORMAT, print_json
from bench.escaping import echo
from bench.names.registry import ESTIMATORS, TASKS, Registry
from bench.results.text import folded, terminal_width

if TYPE_CHECKING:
    from estimators.base import Estimator


_CELL: Final = 3
"""Columns of an entry of the matrix."""


@click.command("list")
@click.option("--matrix", is_flag=True, help="Show which estimator fits which task.")
@FORMAT
def list_(matrix: bool, form: Literal["text", "json"]) -> None:
    """List tasks and estimators, ours and those of installed plug-ins."""
    if matrix:
        estimators = _estimators()
        fitting = _matrix(estimators)
        if form == "json":
            fit = {task: [name for name, fits in fitted.items() if fits] for task, fitted in fitting.items()}
            print_json({"estimators": list(estimators), "fit": fit})
        else:
            _print_matrix(estimators, fitting)
        return
    if form == "json":
        print_json({"tasks": _entries(TASKS), "estimators": _entries(ESTIMATORS)})
        return
    for registry, title in ((TASKS, "Tasks"), (ESTIMATORS, "Estimators")):
        _print_entries(registry, title)
    echo("next: `bench info NAME`, or `bench list --matrix`", err=True)


def _aliases(registry: Registry) -> dict[str, list[str]]:
    aliases: dict[str, list[str]] = {}
    for alias, name in registry.aliases.items():
        aliases.setdefault(name, []).append(alias)
    return aliases


def _entries(registry: Registry) -> list[dict[str, object]]:
    aliases = _aliases(registry)
    return [
        {"name": name, "summary": entry.summary, "aliases": aliases.get(name, [])}
        for name, entry in registry.entries.items()
    ]


def _print_entries(registry: Registry, title: str) -> None:
    aliases = _aliases(registry)
    width = max(len(name) for name in registry.entries)
    echo(f"{title}:")
    for name, entry in registry.entries.items():
        also = f" (also {', '.join(aliases[name])})" if name in aliases else ""
        echo(folded(f"  {name:<{width}}  {entry.summary}{also}", width + 4))


def _estimators() -> "dict[str, Estimator]":
    from bench.errors import BenchError
    from bench.names.spec import Spec
    from tasks.data import DataUnavailable

    estimators: dict[str, Estimator] = {}
    for name in ESTIMATORS.everything():
        try:
            estimators[name] = ESTIMATORS.build(Spec(name))
        except (BenchError, DataUnavailable) as error:
            echo(str(error), err=True)
    return estimators


def _matrix(estimators: "Mapping[str, Estimator]") -> dict[str, dict[str, bool]]:
    """Return by task, and then by estimator, whether the two fit; without tasks whose data are not there."""
    from bench.errors import BenchError
    from tasks.data import DataUnavailable

    found = {}
    for name in TASKS.everything():
        try:
            found[name] = _fitting(name, estimators)
        except (BenchError, DataUnavailable) as error:
            echo(f"{name}: {error}", err=True)
    return found


def _print_matrix(estimators: "Mapping[str, Estimator]", fitting: Mapping[str, Mapping[str, bool]]) -> None:
    """Print a row per task and a column per estimator, in parts no wider than the terminal; a dot is a misfit."""
    for number, name in enumerate(estimators, 1):
        echo(f"{number:>3}  {name}")
    width = max(map(len, fitting), default=0)
    numbered = list(enumerate(estimators, 1))
    most = max(1, (terminal_width() - width - 1) // _CELL)
    for start in range(0, len(numbered), most):
        part = numbered[start : start + most]
        echo(f"\n{'':{width}} {''.join(f'{number:>{_CELL}}' for number, _ in part)}")
        for task, fits in fitting.items():
            marks = "".join(("●" if fits[name] else "·").rjust(_CELL) for _, name in part)
            echo(f"{task:<{width}} {marks}")
    echo("\n● fits   · does not (`bench run` says why)")


def _fitting(task_name: str, estimators: "Mapping[str, Estimator]") -> dict[str, bool]:
    """Return for each estimator whether `bench run` takes it for a task, both with their default parameters."""
    from bench.execution.fit import Ground, default_samples, misfit
    from bench.machine.device import CPU
    from bench.machine.streams import seeded
    from bench.names.building import build_task, load_data
    from bench.names.spec import Spec

    spec = Spec(task_name)
    with seeded(CPU, "list"):
        task = build_task(spec)
        ground = Ground(spec, task, load_data(spec, task), task.defaults.batch_size)
        return {
            name: misfit(ground, Spec(name), estimator, default_samples(task, estimator)) is None
            for name, estimator in estimators.items()
        }
