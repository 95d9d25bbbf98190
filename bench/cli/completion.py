"""What a shell completes: names, with the line that says what each is; nothing here imports torch.

Each function is a `shell_complete` of click's arguments and options.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from bench.names.registry import Registry

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Named = Iterable[tuple[str, str]]


def _completing(names: Callable[[], Named]) -> Complete:
    @wraps(names)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name, help=line) for name, line in names() if name.startswith(incomplete)]

    return complete


@_completing
def tasks() -> Named:
    """Complete the name of a task."""
    from bench.names.registry import TASKS

    return _registered(TASKS)


@_completing
def estimators() -> Named:
    """Complete the name of an estimator."""
    from bench.names.registry import ESTIMATORS

    return _registered(ESTIMATORS)


@_completing
def estimators_and_patterns() -> Named:
    """Complete the name of an estimator, or what stands for several."""
    import estimators
    from bench.names.registry import ESTIMATORS

    families = ((f"{family}:*", f"those of {family} that fit") for family in estimators.FAMILIES)
    return (*_registered(ESTIMATORS), ("all", "every one that fits"), *families)


@_completing
def tasks_and_estimators() -> Named:
    """Complete the name of either."""
    from bench.names.registry import ESTIMATORS, TASKS

    return (*_registered(TASKS), *_registered(ESTIMATORS))


@_completing
def metrics() -> Named:
    """Complete the name of a metric of gradients, or of a final value."""
    from bench.results.metrics import FINAL_VALUES, METRICS

    return ((name, metric.label) for table in (METRICS, FINAL_VALUES) for name, metric in table.items())


@_completing
def schedules() -> Named:
    """Complete the name of a schedule of step sizes."""
    from bench.training.schedules import SCHEDULES

    return ((name, cls.__doc__ or "") for name, cls in SCHEDULES.items())


@_completing
def optimizers() -> Named:
    """Complete the name of an optimizer."""
    from bench.training.descents import OPTIMIZERS

    return ((name, cls.__doc__ or "") for name, cls in OPTIMIZERS.items())


@_completing
def weights() -> Named:
    """Complete how the weight of the divergence rises."""
    from bench.training.divergence import WEIGHTS

    return ((name, cls.__doc__ or "") for name, cls in WEIGHTS.items())


@_completing
def ways_of_learning() -> Named:
    """Complete the name of a way of learning."""
    from bench.training.learning import WAYS

    return ((name, cls.__doc__ or "") for name, cls in WAYS.items())


@_completing
def recipes() -> Named:
    """Complete the name of a published experiment."""
    from bench.reproduce import RECIPES

    return ((name, entry.summary) for name, entry in RECIPES.items())


def _registered(registry: "Registry[Any]") -> Named:
    yield from ((name, entry.summary) for name, entry in registry.entries.items())
    yield from ((alias, f"another name of {name}") for alias, name in registry.aliases.items())
