"""Open registries of tasks and estimators: ours from a lazy index, others' from entry points or `module:Class`."""

import importlib
import inspect
import sys
import types
import typing
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import estimators
import tasks
from bench.errors import UsageError, did_you_mean
from bench.machine.memory import enough_memory
from bench.names.consent import is_named, modules_of
from bench.names.protocols import ESTIMATOR, TASK, Protocol
from bench.names.remembered import remembered
from bench.names.spec import Spec, Value, require_in_range
from bench.names.strangers import strangers
from bench.names.working_folder import look_in_working_folder, overlooked

if TYPE_CHECKING:
    from estimators.base import Estimator
    from tasks.base import Task

T = TypeVar("T")

Defaults = dict[str, dict[str, dict[str, Value]]]
"""By kind (`task`, `estimator`) and name, the defaults of its parameters by theirs."""


@dataclass(frozen=True)
class Entry:
    """One registered name: where its class is, and a line about it.

    Attributes:
        distribution: of a plug-in, with its version.
        extra: of ours, what it needs beyond what is always installed: a module, and the extra of the same name.
    """

    name: str
    path: str
    summary: str
    distribution: str = ""
    extra: str = ""


class Registry(Generic[T]):
    """Names of one kind of thing, imported only when they are used.

    Args:
        kind: what a message calls one of them.
        index: ours, `name -> (module:Class, one line)`.
        aliases: other names of ours.
        group: the entry points of others'.
        protocol: what every one must be.
        optional: ours that need a package more, `name -> (module:Class, one line, extra)`.
    """

    def __init__(
        self,
        kind: str,
        index: Mapping[str, tuple[str, str]],
        aliases: Mapping[str, str],
        group: str,
        protocol: Protocol,
        optional: Mapping[str, tuple[str, str, str]] = {},
    ) -> None:
        self.kind, self.aliases, self.group, self.protocol = kind, aliases, group, protocol
        self._own = {name: Entry(name, path, summary) for name, (path, summary) in index.items()}
        self._own |= {name: Entry(name, path, about, extra=extra) for name, (path, about, extra) in optional.items()}

    @property
    def one(self) -> str:
        """Return what a message calls some one of them."""
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every name that can be used here, ours first; a plug-in cannot take a name of ours."""
        found = {name: entry for name, entry in self._own.items() if not entry.extra or find_spec(entry.extra)}
        for point in entry_points(group=self.group):
            if point.name in self._own or point.name in found:
                warnings.warn(
                    f"{_origin(point)} offers {self.kind} '{point.name}', a name already taken; skipped", stacklevel=2
                )
            else:
                offered = f"{point.dist.name} {point.dist.version}" if point.dist else ""
                found[point.name] = Entry(point.name, point.value, f"from {_origin(point)}", offered)
        return found

    def is_ours(self, name: str) -> bool:
        """Return whether a registered name comes with varbench."""
        return name in self._own

    def names(self) -> list[str]:
        """Return every registered name."""
        return list(self.entries)

    def everything(self) -> list[str]:
        """Return what `all` stands for: every registered name that needs no package more."""
        return [name for name, entry in self.entries.items() if not entry.extra]

    def resolve(self, name: str) -> str:
        """Return the registered name behind a name or alias; `module:Class` stands for itself.

        Raises:
            UsageError: there is no such name.
        """
        name = self.aliases.get(name, name)
        if name in self.entries or ":" in name:
            return name
        if name in self._own:
            lacking = self._own[name].extra
            raise UsageError(f"{self.kind} '{name}' needs {lacking}: pip install 'varbench[{lacking}]'")
        hint = did_you_mean(name, [*self.entries, *self.aliases])
        raise UsageError(f"there is no {self.kind} '{name}'{hint or '; `bench list` names them'}")

    def load(self, name: str) -> type[T]:
        """Import and return the class behind a name, an alias or `module:Class`.

        Raises:
            UsageError: there is no such name, its module does not import, or the class is not what the protocol asks.
        """
        name = self.resolve(name)
        found = self.find(name)
        self.protocol.require_class(f"{self.kind} '{name}'", found)
        return cast("type[T]", found)

    def find(self, name: str) -> Any:
        """Import and return whatever a resolved name stands for.

        Raises:
            UsageError: it does not import.
        """
        path = self.entries[name].path if name in self.entries else name
        module, _, attribute = path.partition(":")
        if name not in self._own:
            look_in_working_folder()
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            lacking = error.name or module
            raise UsageError(
                f"{self.kind} '{name}' needs the module {lacking}, which is not installed{overlooked(lacking)}"
            ) from error
        except AttributeError as error:
            raise UsageError(f"{self.kind} '{name}': {module} has no class {attribute}{overlooked(module)}") from error
        except Exception as error:
            raise UsageError(f"{self.kind} '{name}' does not import: {type(error).__name__}: {error}") from error

    def parameters(self, spec: Spec) -> dict[str, Value]:
        """Return every constructor parameter, defaults filled in; those that came `later` only where they are given.

        Names of one's own, as those of sites, follow in alphabetical order.

        Raises:
            UsageError: a parameter is unknown, missing, or of another type.
        """
        cls: Any = self.load(spec.name)
        accepted, own = constructor_parameters(cls), names_of_ones_own(cls)
        for key in spec.parameters:
            if key not in accepted and own is None:
                has = f"it has {', '.join(accepted)}" if accepted else "it has no parameters"
                raise UsageError(
                    f"{self.kind} '{spec.name}' has no parameter '{key}'{did_you_mean(key, accepted) or '; ' + has}"
                )
        resolved: dict[str, Value] = {}
        for key, parameter in accepted.items():
            if key not in spec.parameters:
                if parameter.default is inspect.Parameter.empty:
                    raise UsageError(
                        f"{self.kind} '{spec.name}' needs a value for '{key}', as in {spec.name}({key}=...)"
                    )
                if not isinstance(parameter.default, Value):
                    raise UsageError(
                        f"{self.kind} '{spec.name}': '{key}' has the default {parameter.default!r}; parameters are "
                        "words, numbers, true, false or none, so that names and records can hold them"
                    )
                resolved[key] = parameter.default
            else:
                resolved[key] = _conform(spec, key, spec.parameters[key], parameter.annotation)
        if own is not None:
            for key in sorted(spec.parameters.keys() - accepted.keys()):
                hint = did_you_mean(key, accepted)
                resolved[key] = _conform(spec, key, spec.parameters[key], own.annotation, hint)
        later = getattr(cls, "later", ())
        return {key: value for key, value in resolved.items() if key not in later or value != accepted[key].default}

    def unnamed(self, spec: Spec) -> list[str]:
        """Return the modules of others that this spec would import, and that no person has named; see `consent`.

        Who reads results asks this before `load` and `build`.
        """
        known = self.entries.get(spec.name)
        path = spec.name if known is None else known.path
        theirs = modules_of(Spec("" if self.is_ours(spec.name) else path, spec.parameters))
        return [module for module in dict.fromkeys(theirs) if not is_named(module)]

    def require_named(self, spec: Spec, what: str) -> None:
        """Raise unless all that a spec from results would import has been named by a person.

        Args:
            spec: as a record has it.
            what: what it is needed for, as in `is not drawn`.

        Raises:
            UsageError: it would run code that nobody has named.
        """
        if modules := self.unnamed(spec):
            options = " ".join(f"--plugin {module}" for module in modules)
            raise UsageError(
                f"{self.kind} '{spec.name}' {what}: results name {' and '.join(modules)}, which is not varbench's and "
                f"runs only where you say so; add `{options}` if you trust it"
            )

    def brief(self, spec: Spec) -> str:
        """Return a spec as people write it: without the parameters that have their default values.

        What is not ours is imported for that where a person has named it, and else keeps all its parameters.
        """
        if self.unnamed(spec):
            return str(spec)
        defaults = self._own_defaults(spec.name) if self.is_ours(spec.name) else self._defaults(spec.name)
        given = {key: value for key, value in spec.parameters.items() if key not in defaults or defaults[key] != value}
        return str(Spec(spec.name, given))

    def _own_defaults(self, name: str) -> Mapping[str, Value]:
        """Return the defaults of a name of ours, without importing its class where PyTorch is not imported yet."""
        return self._defaults(name) if "torch" in sys.modules else _known_defaults()[self.kind][name]

    def _defaults(self, name: str) -> dict[str, Value]:
        """Return the defaults of a name that can be built without parameters; a plug-in that is gone cannot."""
        try:
            accepted = constructor_parameters(self.load(name))
        except UsageError:
            return {}
        is_complete = all(one.default is not inspect.Parameter.empty for one in accepted.values())
        return self.parameters(Spec(name)) if is_complete else {}

    def guarded(self, spec: Spec, fails: str, *meant: type[Exception]) -> AbstractContextManager[None]:
        """Return a context in which what a name stands for runs: errors of other people's code are attributed to it.

        Args:
            spec: the name.
            fails: what an error keeps it from, as in `cannot be built`.
            meant: errors that pass, since the caller understands them.
        """
        if self.resolve(spec.name) in self._own and not modules_of(spec):
            return nullcontext()
        return strangers(f"{self.kind} '{spec}' {fails}", *meant)

    def build(self, spec: Spec) -> T:
        """Return an instance.

        Raises:
            UsageError: see `load` and `parameters`; or the class refuses a value, or memory does not suffice; or a
                plug-in's constructor fails, or leaves out what it must set.
            DataUnavailable: a plug-in's constructor lacks a file.
        """
        parameters, cls = self.parameters(spec), self.load(spec.name)
        if modules_of(spec):
            look_in_working_folder()
        try:
            with self.guarded(spec, "cannot be built", ValueError), enough_memory(str(spec)):
                made = cls(**parameters)
        except ValueError as error:
            raise UsageError(f"{spec}: {error}") from error
        self.protocol.require_instance(f"{self.kind} '{spec}'", made)
        return made


@cache
def _known_defaults() -> Defaults:
    return remembered(
        "defaults",
        Defaults,
        lambda: {one.kind: {name: one._defaults(name) for name in one._own} for one in (ESTIMATORS, TASKS)},
    )


def constructor_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return a class's constructor parameters by name, annotations evaluated."""
    return {
        name: parameter
        for name, parameter in _signature(cls).items()
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }


def names_of_ones_own(cls: type) -> inspect.Parameter | None:
    """Return the parameter that takes arguments of any other name, as `**sites: Policy`; None without an annotation.

    One that takes anything passes it on to somewhere else, and an unknown name stays an error.
    """
    for parameter in _signature(cls).values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD and parameter.annotation is not Any:
            return parameter
    return None


def _signature(cls: type) -> dict[str, inspect.Parameter]:
    hints = typing.get_type_hints(cls.__init__)
    parameters = list(inspect.signature(cls.__init__).parameters.items())[1:]
    return {name: parameter.replace(annotation=hints.get(name, Any)) for name, parameter in parameters}


def _conform(spec: Spec, key: str, value: Value, annotation: Any, hint: str = "") -> Value:
    """Return the value as the annotation wants it, or say what it wants."""
    require_in_range(spec.name, key, value)
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            match = [choice for choice in typing.get_args(option) if str(choice) == str(value)]
            if match:
                return match[0]
        elif option is Any or (option is type(None) and value is None):
            return value
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option is str and value is not None:
            return str(value)
        elif isinstance(option, type) and type(value) is option:
            return value
    raise UsageError(f"{spec.name}: '{key}' must be {' or '.join(map(_describe, options))}, not {value!r}{hint}")


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _describe(option: Any) -> str:
    if typing.get_origin(option) is typing.Literal:
        return " or ".join(map(str, typing.get_args(option)))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}.get(option, str(option))


def _origin(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else point.module


ESTIMATORS: Final["Registry[Estimator]"] = Registry(
    "estimator", estimators.INDEX, estimators.ALIASES, "bench.estimators", ESTIMATOR, estimators.OPTIONAL
)
TASKS: Final["Registry[Task]"] = Registry("task", tasks.INDEX, tasks.ALIASES, "bench.tasks", TASK, tasks.OPTIONAL)
