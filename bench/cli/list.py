"""`bench list`: the names of tasks and estimators, and which fits which."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from bench.names.registry import ESTIMATORS, TASKS, Registry

if TYPE_CHECKING:
    from estimators.base import Estimator


@click.command("list")
@click.option("--matrix", is_flag=True, help="Show which estimator fits which task.")
def list_(matrix: bool) -> None:
    """List tasks and estimators, ours and those of installed plug-ins."""
    if matrix:
        _print_matrix()
        return
    for registry, title in ((TASKS, "Tasks"), (ESTIMATORS, "Estimators")):
        _print_entries(registry, title)
    click.echo("next: bench info NAME, or bench list --matrix", err=True)


def _print_entries(registry: Registry, title: str) -> None:
    aliases: dict[str, list[str]] = {}
    for alias, name in registry.aliases.items():
        aliases.setdefault(name, []).append(alias)
    width = max(len(name) for name in registry.entries)
    click.echo(f"{title}:")
    for name, entry in registry.entries.items():
        also = f" (also {', '.join(aliases[name])})" if name in aliases else ""
        click.echo(f"  {name:<{width}}  {entry.summary}{also}")


def _print_matrix() -> None:
    """Print a row per task and a column per estimator; a dot is a misfit."""
    from bench.errors import BenchError
    from bench.names.spec import Spec
    from tasks.data import DataUnavailable

    estimators: dict[str, Estimator] = {}
    for name in ESTIMATORS.entries:
        try:
            estimators[name] = ESTIMATORS.build(Spec(name))
        except (BenchError, DataUnavailable) as error:
            click.echo(str(error), err=True)
    for number, name in enumerate(estimators, 1):
        click.echo(f"{number:>3}  {name}")
    width = max(map(len, TASKS.entries))
    click.echo(f"{'':{width}}  {' '.join(f'{number:>2}' for number in range(1, len(estimators) + 1))}")
    for name in TASKS.entries:
        try:
            fits = _fitting(name, estimators)
        except (BenchError, DataUnavailable) as error:
            click.echo(f"{name:<{width}}  {error}", err=True)
            continue
        click.echo(f"{name:<{width}}  {' '.join(' ●' if fit else ' ·' for fit in fits)}")
    click.echo("\n● fits   · does not (`bench run` says why)")


def _fitting(task_name: str, estimators: "Mapping[str, Estimator]") -> list[bool]:
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
        return [
            misfit(ground, Spec(name), estimator, default_samples(task, estimator)) is None
            for name, estimator in estimators.items()
        ]
