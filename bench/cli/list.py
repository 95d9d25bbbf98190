"""`bench list`: the names of tasks and estimators, and which fits which."""

import click

from bench.names.registry import ESTIMATORS, TASKS, Entry, Registry


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
    from tasks.data import DataUnavailable

    estimators = list(ESTIMATORS.entries.values())
    for number, entry in enumerate(estimators, 1):
        click.echo(f"{number:>3}  {entry.name}")
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


def _fitting(task_name: str, estimators: list[Entry]) -> list[bool]:
    """Return for each estimator whether it fits a task, both with their default parameters."""
    from bench.machine.device import CPU, observations
    from bench.machine.streams import seeded
    from bench.names.building import build_task
    from bench.names.spec import Spec
    from estimators.base import Unfit

    with seeded(CPU, "list"):
        task = build_task(Spec(task_name))
        x = observations(task, task.load().train[:1])
    fits = []
    for entry in estimators:
        estimator = ESTIMATORS.build(Spec(entry.name))
        try:
            estimator.require(task, x, max(task.defaults.samples, estimator.minimum_samples))
        except Unfit:
            fits.append(False)
        else:
            fits.append(True)
    return fits
