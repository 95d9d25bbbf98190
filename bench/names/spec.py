"""`name(parameter=value, ...)`, as tasks, estimators and schedules are written on the command line."""

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar

from bench.decoding import LARGEST
from bench.errors import UsageError, did_you_mean

T = TypeVar("T")

Value = bool | int | float | str | None

_LONGEST: Final = 4000
"""Characters of a name with its parameters; the longest of ours has about a hundred."""

_SPEC = re.compile(r"\s*(?P<name>[\w.:-]+)\s*(?:\((?P<arguments>.*)\))?\s*", re.DOTALL)
_BARE = r"[^\s,='\"()]+"
_PARAMETER = re.compile(rf"\s*(?P<key>[A-Za-z_][\w.]*)\s*=\s*(?P<value>'[^']*'|\"[^\"]*\"|{_BARE})\s*")
_QUOTE: Final = "; quote a value with blanks, commas, brackets or = in it"
_WORDS: Mapping[str, Value] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Spec:
    """A name with parameters, as written: nothing is looked up or filled in yet."""

    name: str
    parameters: dict[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(f'{key}={written(value)}' for key, value in self.parameters.items())})"


def parse_spec(text: str) -> Spec:
    """Parse `name` or `name(a=1, b=word)`. Values are numbers, true, false, none, quoted strings or bare words.

    The text may come from anybody: its length is bounded, and nothing stands in brackets within the brackets.

    Raises:
        UsageError: the text has another form; nothing is ever evaluated as code.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"'{text[:40]}…' is too long for name(parameter=value, ...): it has {len(text)} characters")
    match = _SPEC.fullmatch(text)
    if match is None:
        raise UsageError(f"'{text}' is not of the form name or name(parameter=value, ...)")
    parameters: dict[str, Value] = {}
    rest = match["arguments"] or ""
    while rest.strip():
        item = _PARAMETER.match(rest)
        if item is None:
            raise UsageError(f"'{text}' is not of the form name(parameter=value, ...): see '{rest.strip()}'{_QUOTE}")
        if item["key"] in parameters:
            raise UsageError(f"'{text}' gives '{item['key']}' twice")
        parameters[item["key"]] = _parse_value(item["value"])
        rest = rest[item.end() :]
        if rest and not rest.startswith(","):
            raise UsageError(f"'{text}' needs a comma before '{rest.strip()}'{_QUOTE}")
        rest = rest[1:]
    return Spec(match["name"], parameters)


def written(value: Value) -> str:
    """Return a value as `parse_spec` reads it: a text that is no bare word, or would be a number, is quoted.

    >>> from bench.names.spec import written
    >>> written("faces/"), written("my faces/"), written("2024"), written(0.5)
    ('faces/', "'my faces/'", "'2024'", '0.5')
    """
    if not isinstance(value, str) or (re.fullmatch(_BARE, value) and _parse_value(value) == value):
        return str(value)
    return f'"{value}"' if "'" in value else f"'{value}'"


def _parse_value(text: str) -> Value:
    if text[0] in "'\"":
        return text[1:-1]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text  # the last two are how Python refuses what is nested too deep
    return value if isinstance(value, bool | int | float | str) else text


def configured(kind: str, classes: Mapping[str, type[T]], text: str) -> T:
    """Return an instance of the dataclass that `name` or `name(parameter=value, ...)` names.

    A value is a number, unless the field is a `bool` or a `str`.

    Raises:
        UsageError: there is no such name or parameter, or a value is of another type.
    """
    spec = parse_spec(text)
    if spec.name not in classes:
        known = ", ".join(classes)
        raise UsageError(f"there is no {kind} '{spec.name}'{did_you_mean(spec.name, classes) or f'; known: {known}'}")
    cls = classes[spec.name]
    known = _types(cls)
    for key, value in spec.parameters.items():
        if key not in known:
            raise UsageError(f"{kind} '{spec.name}' has no parameter '{key}'{did_you_mean(key, [*known])}")
        wanted, is_right = _wanted(known[key], value)
        if not is_right:
            raise UsageError(f"{kind} '{spec.name}': '{key}' must be {wanted}, not {value!r}")
        require_in_range(spec.name, key, value)
    return cls(**spec.parameters)


def configured_text(classes: Mapping[str, type[T]], instance: T) -> str:
    """Return the text that `configured` reads an instance from, without parameters that are defaults."""
    name = next(name for name, cls in classes.items() if type(instance) is cls)
    given = {key: (getattr(instance, key), getattr(type(instance), key)) for key in _types(type(instance))}
    return str(Spec(name, {key: value for key, (value, default) in given.items() if value != default}))


def _types(cls: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, all of which have defaults; a plain class has none."""
    return {one.name: one.type for one in fields(cls)} if hasattr(cls, "__dataclass_fields__") else {}


def _wanted(kind: Any, value: Value) -> tuple[str, bool]:
    """Return what a value of a type must be, in words, and whether one is."""
    if kind is bool:
        return "true or false", isinstance(value, bool)
    if kind is str:
        return "a name", isinstance(value, str)
    return "a number", isinstance(value, int | float) and not isinstance(value, bool)


def require_in_range(name: str, key: str, value: Value) -> None:
    """Raise UsageError where a number is not finite, or a whole one is larger than `LARGEST`: no record holds it."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{name}: '{key}' must be a finite number, not {value}")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise UsageError(f"{name}: '{key}' is too large: whole numbers go up to {LARGEST}")


def parse_numbers(text: str) -> list[int]:
    """Parse `1,5,50`, `0-4` or a mixture into distinct whole numbers, in the order given.

    Raises:
        UsageError: something in it is neither a number nor a range, or is larger than `LARGEST`.
    """
    numbers: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if match is None:
            raise UsageError(f"'{text}' is not a list of numbers and ranges such as 1,5,50 or 0-4")
        # Python refuses to read thousands of digits.
        if any(len(digits) > len(str(LARGEST)) or int(digits) > LARGEST for digits in match.groups(match[1])):
            raise UsageError(f"{part.strip()} is too large: whole numbers go up to {LARGEST}")
        low, high = int(match[1]), int(match[2] or match[1])
        if high < low:
            raise UsageError(f"the range {part.strip()} runs backwards")
        if high - low > 100_000:
            raise UsageError(f"the range {part.strip()} is longer than 100 000")
        numbers.update(dict.fromkeys(range(low, high + 1)))
    return list(numbers)


def spanned(numbers: Iterable[int]) -> str:
    """Return whole numbers as `parse_numbers` reads them, in order.

    >>> from bench.names.spec import spanned
    >>> spanned([0, 1, 2, 3, 7, 10, 11])
    '0-3,7,10,11'
    """
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ",".join(f"{span[0]}-{span[-1]}" if len(span) > 2 else ",".join(map(str, span)) for span in spans)
