"""`bench info NAME`: what a task or an estimator is."""

import inspect
import textwrap
from typing import TYPE_CHECKING, Any

import click

from bench.cli import completion
from bench.errors import UsageError, did_you_mean
from bench.names.documentation import documentation
from bench.names.registry import ESTIMATORS, TASKS, Registry, constructor_parameters
from bench.names.spec import Spec

if TYPE_CHECKING:
    from estimators.base import Estimator
    from tasks.base import Task


@click.command()
@click.argument("name", shell_complete=completion.tasks_and_estimators)
def info(name: str) -> None:
    """Show formula, paper, requirements and parameters of NAME, a task or an estimator."""
    if name in ESTIMATORS.aliases or name in ESTIMATORS.entries:
        _print_estimator(ESTIMATORS.resolve(name), ESTIMATORS.load(name))
    elif name in TASKS.aliases or name in TASKS.entries:
        _print_task(TASKS.resolve(name), TASKS.load(name))
    elif ":" in name:
        _print_path(name)
    else:
        known = [*ESTIMATORS.entries, *ESTIMATORS.aliases, *TASKS.entries, *TASKS.aliases]
        hint = did_you_mean(name, known) or "; `bench list` names them"
        raise UsageError(f"there is no task or estimator '{name}'{hint}")


def _print_path(path: str) -> None:
    from tasks.base import Task

    found = TASKS.find(path)
    if inspect.isclass(found) and issubclass(found, Task):
        _print_task(path, TASKS.load(path))
    else:
        _print_estimator(path, ESTIMATORS.load(path))


def _print_estimator(name: str, cls: "type[Estimator]") -> None:
    latents = {
        "any": "any",
        "reparameterizable": "reparameterizable at every site",
        "enumerable": "discrete",
        "relaxable": "Bernoulli or one-hot, relaxed",
    }
    _print_head(name, ESTIMATORS, cls)
    # Where a parameter decides on what is declared, its default does here.
    default = ESTIMATORS.build(Spec(name))
    fewest = default.minimum_samples
    evaluations = default.evaluations(fewest)
    _print_fields(
        {
            "gradient": cls.formula,
            "paper": cls.paper,
            "target": " or ".join(default.targets) + ("" if len(default.targets) == 1 else ", whichever is the task's"),
            "objective": "" if default.objective == "target" else f"of {default.objective} draws, not the target's",
            "bias": "none" if default.unbiased else "biased for its target",
            "latents": latents[default.latents],
            "samples": f"K ≥ {fewest}",
            "cost": f"{evaluations} evaluations at K = {fewest}" if evaluations else "depends on the task or on chance",
            "trains φ": "yes" if default.trains_guide else "no: the guide stays as it was",
        }
    )
    _print_parameters(cls)
    samples = f" --samples {fewest}" if fewest > 1 else ""
    task = "gaussian-quadratic" if "expectation" in default.targets else "linear-gaussian"
    if default.latents in ("enumerable", "relaxable"):
        task = "bernoulli-quadratic" if "expectation" in default.targets else "sbn-tiny"
    click.echo(f"\nexample: bench run --task {task} --estimator {name}{samples} --no-train")


def _print_task(name: str, cls: "type[Task]") -> None:
    _print_head(name, TASKS, cls)
    defaults = cls.defaults
    references = ", ".join(f"{estimator} (of {target})" for target, estimator in cls.references.items())
    ways = [
        *(["exact where it exists"] if cls.has_exact else []),
        *([f"Monte Carlo by {references}"] if references else []),
        "none",
    ]
    _print_fields(
        {
            "target": f"{cls.target}, {'ascended' if cls.maximise else 'descended'}, in {cls.unit}",
            "reference": ", else ".join(ways),
            "training": f"{defaults.steps} steps of {defaults.optimizer}, batch {defaults.batch_size}, "
            f"ρ = {defaults.model_lr:g}, η = {defaults.guide_lr:g}, {defaults.schedule}",
            "dtype": str(cls.dtype).removeprefix("torch."),
        }
    )
    _print_parameters(cls)
    click.echo(f"\nexample: bench run --task {name} --estimator reinforce")


def _print_head(name: str, registry: Registry[Any], cls: type) -> None:
    names = ", ".join(alias for alias, target in registry.aliases.items() if target == name)
    also = f" (also {names})" if names else ""
    click.echo(f"{name}{also}: {registry.kind}, {cls.__module__}:{cls.__name__}\n")
    click.echo(textwrap.indent(documentation(cls), "  ") + "\n")


def _print_fields(fields: dict[str, str]) -> None:
    width = max(map(len, fields))
    for key, value in fields.items():
        # A plug-in need not give its formula and paper.
        if value:
            click.echo(f"  {key:<{width}}  {value}")


def _print_parameters(cls: type) -> None:
    parameters = constructor_parameters(cls)
    click.echo("\n  parameters" + ("" if parameters else ": none"))
    for name, parameter in parameters.items():
        kind = inspect.formatannotation(parameter.annotation).replace("typing.", "")
        default = "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default}"
        click.echo(f"    {name}: {kind}{default}")
