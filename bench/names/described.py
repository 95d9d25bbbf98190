"""What a task or an estimator is, in words: what it declares, and a command to try it with."""

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.names.registry import ESTIMATORS, TASKS, Registry, constructor_parameters
from bench.names.spec import Spec

if TYPE_CHECKING:
    from estimators.base import Estimator
    from tasks.base import Task


class Known(NamedTuple):
    """What is known of a task or an estimator.

    Attributes:
        name: registered, or `module:Class`.
        kind: task or estimator.
        aliases: other names of it.
        cls: its class.
        fields: what it declares, by heading.
        example: a command that runs it.
    """

    name: str
    kind: str
    aliases: list[str]
    cls: type
    fields: dict[str, str]
    example: str


def describe_estimator(name: str, cls: "type[Estimator]") -> Known:
    """Return what an estimator declares, where a parameter decides on it with its default."""
    latents = {
        "any": "any",
        "reparameterizable": "reparameterizable at every site",
        "enumerable": "discrete",
        "relaxable": "Bernoulli or one-hot, relaxed",
    }
    # Where a parameter decides on what is declared, its default does here.
    default = ESTIMATORS.build(Spec(name))
    fewest = default.minimum_samples
    shown = {
        "gradient": cls.formula,
        "paper": cls.paper,
        "target": " or ".join(default.targets) + ("" if len(default.targets) == 1 else ", whichever is the task's"),
        "objective": "" if default.objective == "target" else f"of {default.objective} draws, not the target's",
        "bias": "none" if default.unbiased else "biased for its target",
        "latents": latents[default.latents],
        "samples": f"K ≥ {fewest}",
        "cost": _evaluations(default.evaluations(fewest), fewest),
        "trains φ": "yes" if default.trains_guide else "no: the guide stays as it was",
    }
    samples = f" --samples {fewest}" if fewest > 1 else ""
    task = "gaussian-quadratic" if "expectation" in default.targets else "linear-gaussian"
    if default.latents in ("enumerable", "relaxable"):
        task = "bernoulli-quadratic" if "expectation" in default.targets else "sbn-tiny"
    example = f"bench run --task {task} --estimator {name}{samples} --no-train"
    return _known(name, ESTIMATORS, cls, shown, example)


def describe_task(name: str, cls: "type[Task]") -> Known:
    """Return what a task declares."""
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


def _known(name: str, registry: Registry[Any], cls: type, shown: dict[str, str], example: str) -> Known:
    aliases = [alias for alias, target in registry.aliases.items() if target == name]
    # A plug-in need not give its formula and paper.
    return Known(name, registry.kind, aliases, cls, {key: value for key, value in shown.items() if value}, example)


def _evaluations(count: int | None, samples: int) -> str:
    if not count:
        return "depends on the task or on chance"
    return f"{count} evaluation{'s' * (count != 1)} at K = {samples}"
