"""Whose code may run: what results name is text, until the person at the command line has named its module, too.

A results folder may come from anybody, and a record says `module:Class` of any module. To read it nothing is imported
but what is ours. A command that needs a class of somebody else's asks for `--plugin MODULE`.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from bench.names.spec import Spec

_MODULE: Final = re.compile(r"[^\W\d][\w.]*(?=:[^\W\d])")
_NAMED: Final[ContextVar[frozenset[str]]] = ContextVar("modules that were named", default=frozenset())


def modules_of(spec: Spec) -> list[str]:
    """Return the modules that a spec names, in its name and in its parameters.

    >>> from bench.names.consent import modules_of
    >>> from bench.names.spec import parse_spec
    >>> modules_of(parse_spec("mine:Toy(model=theirs:model, n=3)"))
    ['mine', 'theirs']
    """
    module, colon, _ = spec.name.partition(":")
    values = [value for value in spec.parameters.values() if isinstance(value, str)]
    return [*([module] if colon else []), *(found for value in values for found in _MODULE.findall(value))]


def name_modules(modules: Iterable[str]) -> None:
    """Let modules, and what they contain, be imported if results name them: a person has named them."""
    _NAMED.set(_NAMED.get() | frozenset(modules))


def named_modules() -> frozenset[str]:
    """Return the modules that a person has named, for processes that do some of the work."""
    return _NAMED.get()


def is_named(module: str) -> bool:
    """Return whether a person has named a module, or a package that contains it."""
    parts = module.split(".")
    return any(".".join(parts[:count]) in _NAMED.get() for count in range(1, len(parts) + 1))


@contextmanager
def nothing_named() -> Iterator[None]:
    """Begin with no module named, as each command does; afterwards all is as before."""
    before = _NAMED.set(frozenset())
    try:
        yield
    finally:
        _NAMED.reset(before)
