"""What a task or an estimator is, in words: what it declares, and a command to try it with."""

import inspect
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import estimators
import tasks
from bench.errors import UsageError, did_you_mean
from bench.names.documentation import documentation
from bench.names.registry import ESTIMATORS, TASKS, Registry, constructor_parameters, names_of_ones_own
from bench.names.remembered import remembered
from bench.names.spec import Spec, Value

if TYPE_CHECKING:
    from estimators.base import Estimator
    from tasks.base import Task


@dataclass(frozen=True)
class Parameter:
    """A parameter of a constructor.

    Attributes:
        name: of it.
        type: in words.
        required: whether it has no default.
        default: its default; None where it has none.
    """

    name: str
    type: str
    required: bool
    default: Value


@dataclass(frozen=True)
class OwnNames:
    """A parameter that takes arguments of any other name.

    Attributes:
        name: of it.
        type: of each, in words.
    """

    name: str
    type: str


@dataclass(frozen=True)
class Known:
    """What is known of a task or an estimator.

    Attributes:
        name: registered, or `module:Class`.
        kind: task or estimator.
        aliases: other names of it.
        class_path: its class, as `module:Class`.
        documentation: what the class says of itself.
        fields: what it declares, by heading.
        parameters: of its constructor.
        own_names: whether names of one's own are parameters, too.
        example: a command that runs it.
        biased: whether it is an estimator that declares a bias at its default parameters.
    """

    name: str
    kind: str
    aliases: list[str]
    class_path: str
    documentation: str
    fields: dict[str, str]
    parameters: list[Parameter]
    own_names: OwnNames | None
    example: str
    biased: bool = False


def described(name: str) -> Known:
    """Return what is known of a registered task or estimator, or of a `module:Class`.

    What is ours is remembered where PyTorch is not imported yet.

    Raises:
        UsageError: there is no such name, or it cannot be built.
    """
    if name in ESTIMATORS.aliases or name in ESTIMATORS.entries:
        name = ESTIMATORS.resolve(name)
        return _remembered(ESTIMATORS, name) or describe_estimator(name, ESTIMATORS.load(name))
    if name in TASKS.aliases or name in TASKS.entries:
        name = TASKS.resolve(name)
        return _remembered(TASKS, name) or describe_task(name, TASKS.load(name))
    if ":" in name:
        return _of_path(name)
    names = [*ESTIMATORS.entries, *ESTIMATORS.aliases, *TASKS.entries, *TASKS.aliases]
    hint = did_you_mean(name, names) or "; `bench list` names them"
    raise UsageError(f"there is no task or estimator '{name}'{hint}")


def _remembered(registry: Registry[Any], name: str) -> Known | None:
    """Return what is remembered of a name of ours that needs no package more; None of others, or with PyTorch there."""
    if "torch" in sys.modules or not registry.is_ours(name) or registry.entries[name].extra:
        return None
    known = remembered(
        "descriptions",
        dict[str, Known],
        lambda: {
            **{name: describe_task(name, TASKS.load(name)) for name in tasks.INDEX},
            **{name: describe_estimator(name, ESTIMATORS.load(name)) for name in estimators.INDEX},
        },
    )
    return known[name]


def _of_path(path: str) -> Known:
    from tasks.base import Task

    found = TASKS.find(path)
    is_task = inspect.isclass(found) and issubclass(found, Task)
    return describe_task(path, TASKS.load(path)) if is_task else describe_estimator(path, ESTIMATORS.load(path))


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
    return replace(_known(name, ESTIMATORS, cls, shown, example), biased=not default.unbiased)


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
    own = names_of_ones_own(cls)
    return Known(
        name,
        registry.kind,
        [alias for alias, target in registry.aliases.items() if target == name],
        f"{cls.__module__}:{cls.__name__}",
        documentation(cls),
        # A plug-in need not give its formula and paper.
        {key: value for key, value in shown.items() if value},
        [_parameter(name, parameter) for name, parameter in constructor_parameters(cls).items()],
        None if own is None else OwnNames(own.name, _type(own)),
        example,
    )


def _parameter(name: str, of: inspect.Parameter) -> Parameter:
    is_required = of.default is inspect.Parameter.empty
    return Parameter(name, _type(of), is_required, None if is_required else of.default)


def _type(parameter: inspect.Parameter) -> str:
    return inspect.formatannotation(parameter.annotation).replace("typing.", "")


def _evaluations(count: int | None, samples: int) -> str:
    if not count:
        return "depends on the task or on chance"
    return f"{count} evaluation{'s' * (count != 1)} at K = {samples}"
