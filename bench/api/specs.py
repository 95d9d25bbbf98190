"""Tasks and estimators that are given as classes or instances, as the text that names them."""

import inspect
import re
from typing import Any, Final

from bench.errors import UsageError
from bench.names.registry import Registry, constructor_parameters
from bench.names.spec import Value

_BARE: Final = re.compile(r"[^\s,='\"()]+")
_MISSING: Final = object()


def spec_text(registry: Registry[Any], given: object) -> str:
    """Return `name` or `name(parameter=value)` of what a task or an estimator is given as.

    A class is named by where it can be imported from, and an instance by its class and by those of its attributes that
    are called like the constructor's parameters: each cell builds one of its own, so that the same cell is the same in
    every process. What an instance has learned, or was given later, does not count.

    Args:
        registry: of the kind.
        given: a text, a class or an instance.

    Raises:
        UsageError: another process would not find it, or could not build it alike; the message says why.
    """
    if isinstance(given, str):
        return given
    cls = given if isinstance(given, type) else type(given)
    if cls.__module__ == "builtins":
        raise UsageError(
            f"a {registry.kind} is given as a text, as 'name(parameter=value)', as a class or as an instance, not as "
            f"{given!r}"
        )
    name = _name(registry, cls)
    if isinstance(given, type):
        return name
    values = {key: _value(registry, given, key) for key in constructor_parameters(cls)}
    return f"{name}({', '.join(f'{key}={_written(value)}' for key, value in values.items())})" if values else name


def _name(registry: Registry[Any], cls: type) -> str:
    """Return the registered name of a class, or `module:Class`."""
    path = f"{cls.__module__}:{cls.__qualname__}"
    for entry in registry.entries.values():
        # Ours are registered by the package that they are offered in, or by the module that they are defined in.
        if entry.path.rpartition(":")[2] == cls.__name__ and registry.find(entry.name) is cls:
            return entry.name
    if cls.__module__ == "__main__":
        raise UsageError(
            f"{registry.kind} {cls.__name__} is defined in the notebook or script itself, where a later run does not "
            f"find it, nor see that it was changed: put it into a file, as mine.py, and give 'mine:{cls.__name__}'"
        )
    if "." in cls.__qualname__:
        raise UsageError(
            f"{registry.kind} {cls.__qualname__} is defined within a function or a class, where no other process finds "
            f"it: define it at the top of {cls.__module__}"
        )
    return path


def _value(registry: Registry[Any], given: object, key: str) -> Value:
    """Return what a parameter of the constructor was, as the instance has it."""
    value = inspect.getattr_static(given, key, _MISSING)
    value = getattr(given, key) if value is not _MISSING or hasattr(given, key) else _MISSING
    name = type(given).__name__
    if value is _MISSING:
        raise UsageError(
            f"a {name} does not say what its '{key}' was, since it has no attribute of that name: give the "
            f"{registry.kind} as a text, as '{name}({key}=...)'"
        )
    if not isinstance(value, Value):
        raise UsageError(
            f"'{key}' of the {name} is a {type(value).__name__}; names and records hold words, numbers, true, false "
            f"and none: give the {registry.kind} as a text"
        )
    return value


def _written(value: Value) -> str:
    if isinstance(value, str) and not _BARE.fullmatch(value):
        return f'"{value}"' if "'" in value else f"'{value}'"
    return str(value)
