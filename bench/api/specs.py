"""Tasks and estimators that are given as classes or instances, as the text that names them."""

import inspect
import re
from typing import Any, Final

from bench.errors import UsageError
from bench.names.registry import Registry
from bench.names.spec import Value
from tasks.base import Constructed

_BARE: Final = re.compile(r"[^\s,='\"()]+")


def spec_text(registry: Registry[Any], given: object) -> str:
    """Return `name` or `name(parameter=value)` of what a task or an estimator is given as.

    A class is named by where it can be imported from, and an instance by its class and by what its constructor was
    given: each cell builds one of its own, so that the same cell is the same in every process. What an instance has
    learned, or was given later, does not count.

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
            f"{registry.one} is given as a string, such as 'name(parameter=value)', a class or an instance, not as "
            f"{given!r}"
        )
    name = _name(registry, cls)
    if isinstance(given, type):
        return name
    values = {key: _word(registry, cls, key, value) for key, value in _arguments(registry, given).items()}
    return f"{name}({', '.join(f'{key}={value}' for key, value in values.items())})" if values else name


def _name(registry: Registry[Any], cls: type) -> str:
    """Return the registered name of a class, or `module:Class`."""
    path = f"{cls.__module__}:{cls.__qualname__}"
    for entry in registry.entries.values():
        # Ours are registered by the package that they are offered in, or by the module that they are defined in.
        if entry.path.rpartition(":")[2] == cls.__name__ and registry.find(entry.name) is cls:
            return entry.name
    if cls.__module__ == "__main__":
        raise UsageError(
            f"{registry.kind} {cls.__name__} is defined in the notebook or script itself, where a later run cannot "
            f"find it or see that it has changed: put it into a file, such as mine.py, and give 'mine:{cls.__name__}'"
        )
    if "." in cls.__qualname__:
        raise UsageError(
            f"{registry.kind} {cls.__qualname__} is defined inside a function or a class, where no other process can "
            f"find it: define it at the top of {cls.__module__}"
        )
    return path


def _arguments(registry: Registry[Any], given: object) -> dict[str, Any]:
    """Return what an instance's constructor was given, by name."""
    if not isinstance(given, Constructed):
        raise UsageError(f"{type(given).__name__} is not {registry.one}: it does not derive from varbench's class")
    arguments, named = given.arguments
    signature = inspect.signature(type(given))
    found = dict(signature.bind(*arguments, **named).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= found.pop(parameter.name, {})
    return found


def _word(registry: Registry[Any], cls: type, key: str, value: object) -> str:
    """Return what a parameter was as text."""
    if not isinstance(value, Value):
        raise UsageError(
            f"{cls.__name__} was built with a {type(value).__name__} as '{key}'; names and records can hold words, "
            f"numbers, true, false and none: give {registry.one} with only such parameters"
        )
    if isinstance(value, str) and not _BARE.fullmatch(value):
        return f'"{value}"' if "'" in value else f"'{value}'"
    return str(value)
