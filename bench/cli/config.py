"""`--config FILE`: options of a command from a TOML file, and grids of them: docs/sweeps.md."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from bench.cli.limits import Duration
from bench.cli.numbers import Numbers
from bench.errors import UsageError, did_you_mean
from bench.execution.request import Exclusion

_BLOCKS: Final = "sweep"
_EXCLUDE: Final = "exclude"
_OWNERS: Final = "estimator"
_RULE: Final = {"task": "tasks", "estimator": "estimators", "samples": "samples"}
"""The keys of an exclusion, and what they are there."""


@dataclass(frozen=True)
class Written:
    """What stands at the top of a file, or in a block of it.

    Attributes:
        options: by the name of a command's parameter.
        own: settings of estimators' own, likewise, by what stands in the brackets of `[estimator."..."]`.
        exclude: cells that are left out.
    """

    options: dict[str, Any] = field(default_factory=dict)
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True)
class Keys:
    """Which options a file may give.

    Attributes:
        once: parameters that are of the whole file, by the name of the option.
        each: those that a block may have, too.
        own: those that an estimator may have of its own.
    """

    once: Mapping[str, click.Option]
    each: Mapping[str, click.Option]
    own: Mapping[str, click.Option]


def read(ctx: click.Context, content: Mapping[str, Any], place: str, keys: Keys) -> tuple[Written, list[Written]]:
    """Return what stands at the top of TOML whose keys are the long options' names, and its blocks, if any.

    Args:
        ctx: of the command.
        content: tables, lists and values, as TOML has them.
        place: what a message calls it.
        keys: which options it may give.

    Raises:
        UsageError: a key or a value of it is wrong; it names both.
    """
    content = dict(content)
    has_blocks = _BLOCKS in content
    blocks = content.pop(_BLOCKS, [])
    is_list = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
    if not is_list or (has_blocks and not blocks):
        raise UsageError(f"{place}: '{_BLOCKS}' is a list of blocks: write [[{_BLOCKS}]] above each of them")
    reader = _Reader(ctx, keys)
    top = reader.read(content, place, {**keys.once, **keys.each})
    found = []
    for number, block in enumerate(blocks, 1):
        which = f" {number}" if len(blocks) > 1 else ""
        found.append(reader.read(block, f"{place}: [[{_BLOCKS}]]{which}", keys.each))
    return top, found


@dataclass(frozen=True)
class _Reader:
    ctx: click.Context
    keys: Keys

    def read(self, content: Mapping[str, Any], place: str, known: Mapping[str, click.Option]) -> Written:
        """Return what a table of a file says; `place` is what a message calls it."""
        content = dict(content)
        rules = content.pop(_EXCLUDE, [])
        owners = content.pop(_OWNERS) if isinstance(content.get(_OWNERS), dict) else {}
        return Written(
            dict(self._options(content, place, known)),
            dict(self._own(name, settings, place) for name, settings in owners.items()),
            tuple(self._exclusions(rules, place)),
        )

    def _own(self, name: str, settings: Any, place: str) -> tuple[str, dict[str, Any]]:
        place = f'{place}: [{_OWNERS}."{name}"]'
        if not isinstance(settings, dict):
            raise UsageError(f"{place}: it must be a table of settings, not {_json(settings)}")
        (spec,) = value_of(self.ctx, self.keys.each[_OWNERS], [name], place)
        return str(spec), dict(self._options(settings, place, self.keys.own))

    def _options(
        self, content: Mapping[str, Any], place: str, known: Mapping[str, click.Option]
    ) -> Iterator[tuple[str, Any]]:
        for key, value in content.items():
            if key not in known:
                raise UsageError(f"{place}: {self._unknown(key, value, known)}")
            name = known[key].name
            assert name is not None
            yield name, value_of(self.ctx, known[key], value, f"{place}: '{key}'")

    def _unknown(self, key: str, value: Any, known: Mapping[str, click.Option]) -> str:
        if key in self.keys.once:
            return f"'{key}' applies to the whole file: put it at the top, above [[{_BLOCKS}]]"
        if key in self.keys.each:
            return f"an estimator cannot have its own '{key}'; it can have {', '.join(known)}"
        if isinstance(value, dict):
            return f"there is no option '{key}'; options go at the top of the file, or below [[{_BLOCKS}]]"
        return f"there is no option '{key}'{did_you_mean(key, [*known, _BLOCKS, _EXCLUDE])}"

    def _exclusions(self, rules: Any, place: str) -> Iterator[Exclusion]:
        place = f"{place}: '{_EXCLUDE}'"
        if not isinstance(rules, list):
            raise UsageError(f'{place}: it must be a list of tables, such as [{{task = "ppca", samples = 5}}]')
        for rule in rules:
            if not isinstance(rule, dict) or not rule:
                raise UsageError(
                    f'{place}: it must have tables, such as {{task = "ppca", samples = 5}}, not {_json(rule)}'
                )
            found: dict[str, Any] = {}
            for key, value in rule.items():
                if key not in _RULE:
                    hint = did_you_mean(key, _RULE) or f"; there are {', '.join(_RULE)}"
                    raise UsageError(f"{place}: cells cannot be excluded by '{key}'{hint}")
                if key == "samples":
                    found[key] = value_of(self.ctx, self.keys.each[key], value, f"{place}: '{key}'")
                else:
                    found[_RULE[key]] = tuple(_names(value, f"{place}: '{key}'"))
            yield Exclusion(**found, said=", ".join(f"{key} = {_json(value)}" for key, value in rule.items()))


def value_of(ctx: click.Context, parameter: click.Option, value: Any, place: str) -> Any:
    """Return a parameter's value, given as in TOML.

    Raises:
        UsageError: it is of a wrong type, or none that the option takes; the message begins with `place`.
    """
    try:
        return parameter.type_cast_value(ctx, as_written(parameter, value))
    except click.BadParameter as error:
        raise UsageError(f"{place}: {error.message}") from error
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def written_in(file: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        UsageError: it cannot be read.
    """
    text = ""
    try:
        # Some editors begin a file with a byte order mark.
        text = file.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"--config {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # To TOML, a key is either a list of names or a table.
        is_both = str(error).startswith("Cannot ") and f"[{_OWNERS}." in text
        hint = f'; beside [{_OWNERS}."..."], name the estimators below [[{_BLOCKS}]]' if is_both else ""
        raise UsageError(f"--config {file} is not TOML: {error}{hint}") from error


def as_written(parameter: click.Option, value: Any) -> Any:
    """Return a TOML value as on the command line: numbers as text, a single value of a repeatable option as a list."""
    if parameter.is_flag:
        return _of_type(value, "true or false", bool)
    kind = parameter.type
    if isinstance(kind, Numbers):
        values = value if isinstance(value, list) else [value]
        wanted = 'whole numbers, such as 5, [1, 5, 50] or "0-4"'
        return ",".join(str(_of_type(one, wanted, int, str)) for one in values)
    wanted, types = _wanted(kind)
    if parameter.multiple:
        if value == []:
            raise UsageError("it is an empty list: leave it out, or give a value")
        values = value if isinstance(value, list) else [value]
        return [str(_of_type(one, f"{wanted}, or a list of them", *types)) for one in values]
    text = str(_of_type(value, wanted, *types))
    return str(Path(text).expanduser()) if isinstance(kind, click.Path) else text


def _wanted(kind: click.ParamType) -> tuple[str, Sequence[type]]:
    """Return what a value must be, in words and as types."""
    if isinstance(kind, click.IntRange):
        return "a whole number", (int,)
    if isinstance(kind, click.FloatRange):
        return "a number", (int, float)
    if isinstance(kind, Duration):
        return 'a number of seconds, or a text such as "10m"', (int, float, str)
    return ("a name in quotes" if kind.name.startswith("name(") else "a text in quotes"), (str,)


def _names(value: Any, place: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise UsageError(f"{place}: it must be a name in quotes, or a list of them, not {_json(value)}")
    return values


def _of_type(value: Any, wanted: str, *types: type) -> Any:
    # To Python, true is a whole number.
    if type(value) in types:
        return value
    raise UsageError(f"it must be {wanted}, not {_json(value)}")


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
