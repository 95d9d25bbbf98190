"""Several names at once: `all`, a family as `discrete:*`, or names by a pattern as `reinforce*`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

import estimators
import tasks
from bench.errors import UsageError, did_you_mean
from bench.names.spec import Spec

if TYPE_CHECKING:
    from bench.names.registry import Registry

ALL: Final = "all"
"""The pattern that every name matches, except for those that need a package more."""
_MARKS: Final = re.compile(r"[*?\[]")
_FAMILIES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "task": tasks.FAMILIES,
    "estimator": estimators.FAMILIES,
}


@dataclass(frozen=True)
class Pattern:
    """Stands for those of several names that fit."""

    text: str

    def __str__(self) -> str:
        return self.text


def is_pattern(text: str) -> bool:
    """Return whether a text stands for several names; parameters are not part of a pattern.

    >>> from bench.names.selecting import is_pattern
    >>> [is_pattern(text) for text in ("all", "discrete:*", "reinforce*", "rebar", "mine:Own")]
    [True, True, True, False, False]
    """
    return text == ALL or ("(" not in text and _MARKS.search(text) is not None)


def select(registry: "Registry[Any]", pattern: str) -> list[str]:
    """Return the registered names that a pattern stands for, in the order of `bench list`; only ours have a family.

    >>> from bench.names.registry import ESTIMATORS
    >>> from bench.names.selecting import select
    >>> select(ESTIMATORS, "score_function:reinforce-*")
    ['reinforce-ema', 'reinforce-loo', 'reinforce-optimal']

    Raises:
        UsageError: it stands for none.
    """
    if pattern == ALL:
        return registry.everything()
    family, colon, glob = pattern.rpartition(":")
    families = _FAMILIES[registry.kind]
    if colon and family not in families:
        hint = did_you_mean(family, families) or f"; there are {', '.join(families)}"
        raise UsageError(f"'{pattern}': there is no family '{family}' of {registry.kind}s{hint}")
    names = [*families[family]] if colon else registry.names()
    found = [name for name in names if fnmatchcase(name, glob)]
    if not found:
        raise UsageError(f"no {registry.kind} has a name like '{pattern}'; `bench list` names them")
    return found


def matches(registry: "Registry[Any]", pattern: str, spec: Spec) -> bool:
    """Return whether a pattern, a name or a name with parameters is about a spec.

    >>> from bench.names.registry import ESTIMATORS
    >>> from bench.names.selecting import matches
    >>> from bench.names.spec import parse_spec
    >>> relax = parse_spec("relax(hidden=8)")
    >>> [matches(ESTIMATORS, pattern, relax) for pattern in ("relax", "discrete:*", "re*(hidden=8)", "relax(hidden=4)")]
    [True, True, True, False]
    """
    name = registry.resolve(spec.name)
    texts = (name, spec.name, str(spec), str(Spec(name, spec.parameters)))
    if pattern == ALL or any(fnmatchcase(text, pattern) for text in texts):
        return True
    family, _, glob = pattern.rpartition(":")
    return name in _FAMILIES[registry.kind].get(family, ()) and fnmatchcase(name, glob)
