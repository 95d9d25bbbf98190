"""`bench info NAME`: what a task or an estimator is."""

import inspect
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import click

from bench.cli import completion
from bench.cli.output import FORMAT, print_json
from bench.errors import UsageError, did_you_mean
from bench.escaping import echo
from bench.names.documentation import documentation
from bench.names.registry import ESTIMATORS, TASKS, Registry, constructor_parameters, names_of_ones_own
from bench.names.spec import Spec
from bench.results.text import folded

if TYPE_CHECKING:
    from estimators.base import Estimator
    from tasks.base import Task


_FULL: Final = 105
"""Characters that a docstring's line has at least when it is broken for its length."""

_ENTRY: Final = re.compile(r"\s*\w+: ")


class _Known(NamedTuple):
    """What is known of a task or an estimator."""

    name: str
    kind: str
    aliases: list[str]
    cls: type
    fields: dict[str, str]
    example: str


@click.command()
@click.argument("name", shell_complete=completion.tasks_and_estimators)
@FORMAT
def info(name: str, form: Literal["text", "json"]) -> None:
    """Show formula, paper, requirements and parameters of NAME, a task or an estimator."""
    if name in ESTIMATORS.aliases or name in ESTIMATORS.entries:
        known = _estimator(ESTIMATORS.resolve(name), ESTIMATORS.load(name))
    elif name in TASKS.aliases or name in TASKS.entries:
        known = _task(TASKS.resolve(name), TASKS.load(name))
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


def _of_path(path: str) -> _Known:
    from tasks.base import Task

    found = TASKS.find(path)
    is_task = inspect.isclass(found) and issubclass(found, Task)
    return _task(path, TASKS.load(path)) if is_task else _estimator(path, ESTIMATORS.load(path))


def _estimator(name: str, cls: "type[Estimator]") -> _Known:
    latents = {
        "any": "any",
        "reparameterizable": "reparameterizable at every site",
        "enumerable": "discrete",
        "relaxable": "Bernoulli or one-hot, relaxed",
    }
    # Where a parameter decides on what is declared, its default does here.
    default = ESTIMATORS.build(Spec(name))
    fewest = default.minimum_samples
    evaluations = default.evaluations(fewest)
    shown = {
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
    samples = f" --samples {fewest}" if fewest > 1 else ""
    task = "gaussian-quadratic" if "expectation" in default.targets else "linear-gaussian"
    if default.latents in ("enumerable", "relaxable"):
        task = "bernoulli-quadratic" if "expectation" in default.targets else "sbn-tiny"
    example = f"bench run --task {task} --estimator {name}{samples} --no-train"
    return _known(name, ESTIMATORS, cls, shown, example)


def _task(name: str, cls: "type[Task]") -> _Known:
    defaults = cls.defaults
    references = ", ".join(f"{estimator} (of {target})" for target, estimator in cls.references.items())
    ways = [
        *(["exact where it exists"] if cls.has_exact else []),
        *([f"Monte Carlo by {references}"] if references else []),
        "none",
    ]
    shown = {
        "target": f"{cls.target}, {'ascended' if cls.maximise else 'descended'}, in {cls.unit}",
        "reference": ", else ".join(ways),
        "training": f"{defaults.steps} steps of {defaults.optimizer}, batch {defaults.batch_size}, "
        f"ρ = {defaults.model_lr:g}, η = {defaults.guide_lr:g}, {defaults.schedule}",
        "dtype": str(cls.dtype).removeprefix("torch."),
    }
    needed = [key for key, one in constructor_parameters(cls).items() if one.default is inspect.Parameter.empty]
    written = f"'{name}({', '.join(f'{key}=…' for key in needed)})'" if needed else name
    return _known(name, TASKS, cls, shown, f"bench run --task {written} --estimator reinforce")


def _known(name: str, registry: Registry[Any], cls: type, shown: dict[str, str], example: str) -> _Known:
    aliases = [alias for alias, target in registry.aliases.items() if target == name]
    # A plug-in need not give its formula and paper.
    return _Known(name, registry.kind, aliases, cls, {key: value for key, value in shown.items() if value}, example)


def _as_json(known: _Known) -> dict[str, object]:
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


def _print(known: _Known) -> None:
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
