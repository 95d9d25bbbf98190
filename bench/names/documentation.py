"""What a class says of itself and of its constructor's parameters."""

import inspect
import re
from typing import Final

from bench.names.registry import constructor_parameters

_ENTRY: Final = re.compile(r"^ {4}(\w+): ", re.MULTILINE)


def documentation(cls: type) -> str:
    """Return a class's docstring, with the parameters described that its constructor has from the classes above it.

    A class describes those that it adds, under `Args:`, and need not repeat what is said above it.

    >>> class Above:
    ...     '''A model.
    ...
    ...     Args:
    ...         size: how large.
    ...     '''
    ...     def __init__(self, size: int) -> None: ...
    >>> class Below(Above):
    ...     '''A model of something.'''
    >>> print(documentation(Below))
    A model of something.
    <BLANKLINE>
    Args:
        size: how large.
    """
    before, own, behind = _parts(cls)
    parameters = constructor_parameters(cls)
    if own.keys() >= parameters.keys():
        return inspect.getdoc(cls) or ""
    described = own
    for above in cls.__mro__[1:]:
        described = _parts(above)[1] | described
    lines = [f"    {name}: {described[name]}" for name in parameters if name in described]
    return "\n\n".join(filter(None, [before, "\n".join(["Args:", *lines]) if lines else "", behind]))


def _parts(cls: type) -> tuple[str, dict[str, str], str]:
    """Return what a class's own docstring says before its parameters, of each of them, and after them."""
    before, _, rest = inspect.cleandoc(vars(cls).get("__doc__") or "").partition("Args:\n")
    # The section ends where a line is not indented.
    section, *behind = re.split(r"\n+(?=\S)", rest, maxsplit=1)
    _, *entries = _ENTRY.split(section)
    return before.strip(), dict(zip(entries[::2], map(str.strip, entries[1::2]), strict=True)), "".join(behind)
