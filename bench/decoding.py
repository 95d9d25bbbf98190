"""JSON into dataclasses, and nothing believed on the way: each field's type, its range, the names of the keys.

A field that is annotated `float` may be NaN or infinite, which JSON has no numbers for: it has the strings "nan", "inf"
and "-inf" instead, so that null is left to mean "there is no such quantity". A `Finite` or an `Amount` may not.
"""

import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from typing import Annotated, Any, Final, Generic, Literal, NoReturn, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

LARGEST: Final = 2**63 - 1
"""The largest whole number that tables and tensors hold."""

Count = Annotated[int, Meta(ge=0, le=LARGEST)]
"""A whole number, zero included."""
Size = Annotated[int, Meta(ge=1, le=LARGEST)]
"""A whole number, at least one."""
Finite = Annotated[float, Meta(description="no NaN, no infinity")]
"""A finite number."""
Amount = Annotated[float, Meta(ge=0)]
"""A finite number that is not negative."""
Share = Annotated[float, Meta(ge=0, le=1)]
"""A number from 0 to 1."""
AsWritten = float | int
"""A finite number that stays whole if it was: the identity of a cell tells 1 from 1.0."""

_NotFinite = Literal["nan", "inf", "-inf"]
_NOT_FINITE: Final[dict[_NotFinite, float]] = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Undecodable(ValueError):
    """Bytes are no JSON, or the JSON is not of the type that was asked for; the message says where."""


class Decoder(Generic[T]):
    """Decodes JSON into one type: a dataclass, or anything that is made of dataclasses, lists and plain values.

    Every field must be there, and no other key.

    Args:
        kind: the type.
        optional: dataclasses whose fields may be left out at their defaults.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Point:
    ...     x: float
    ...     weight: Amount
    >>> Decoder(list[Point]).decode(b'[{"x": "nan", "weight": 2}]')
    [Point(x=nan, weight=2.0)]
    >>> Decoder(list[Point]).decode(b'[{"x": 1.0, "weight": -2}]')
    Traceback (most recent call last):
    bench.decoding.Undecodable: Expected `float` >= 0.0 - at `$[0].weight`
    """

    def __init__(self, kind: Any, optional: Sequence[type] = ()) -> None:
        self._wire, self._build = _translated(kind, tuple(optional))
        self._decoder = msgspec.json.Decoder(self._wire)

    def decode(self, data: bytes) -> T:
        """Return what JSON says.

        Raises:
            Undecodable: it is of another type, or no JSON.
        """
        try:
            wire = self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if "surrogate" not in str(error):
                raise Undecodable(str(error)) from error
            return self.convert(plain(data))
        return self._build(wire)

    def convert(self, content: Any) -> T:
        """Return what plain JSON values say.

        Raises:
            Undecodable: they are of another type.
        """
        try:
            return self._build(msgspec.convert(content, self._wire))
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError) as error:
            raise Undecodable(str(error)) from error


def plain(data: bytes) -> Any:
    """Return JSON as dictionaries, lists and plain values.

    Raises:
        Undecodable: it is none.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if "surrogate" not in str(error):
            raise Undecodable(str(error)) from error
    # Half a surrogate pair, as a stray byte of a file name becomes in Python, is no text to msgspec.
    try:
        return json.loads(data, parse_constant=_refuse, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise Undecodable(str(error)) from error


def encodable(value: Any) -> Any:
    """Return plain values with the numbers that JSON lacks as strings.

    >>> encodable({"value": float("-inf"), "n": [1, 2.5]})
    {'value': '-inf', 'n': [1, 2.5]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {key: encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [encodable(item) for item in value]
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value


_Build = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


@cache
def _translated(kind: Any, optional: tuple[type, ...]) -> tuple[Any, _Build]:
    """Return the type that msgspec decodes into, and what makes a value of `kind` of one of that type."""
    if kind is float:
        return float | _NotFinite, _float
    if is_dataclass(kind):
        return _translated_dataclass(kind, optional)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        item, build = _translated(arguments[0], optional)
        return list[item], _same if build is _same else partial(_build_list, arguments[0], build)
    # A union of plain values, whose strings may be any, is its own translation.
    if origin in (types.UnionType, typing.Union) and int not in arguments:
        some = next(one for one in arguments if one is not types.NoneType)
        wire, build = _translated(some, optional)
        # A number that is missing is no string either.
        return wire | None, build if build in (_same, _float) else (lambda one: None if one is None else build(one))
    return kind, _same


def _translated_dataclass(cls: Any, optional: tuple[type, ...]) -> tuple[Any, _Build]:
    hints: Mapping[str, Any] = typing.get_type_hints(cls, include_extras=True)
    wires, makes = [], []
    for place, field in enumerate(fields(cls)):
        wire, make = _translated(hints[field.name], optional)
        left_out = cls in optional and field.default is not MISSING
        wires.append((field.name, wire, field.default) if left_out else (field.name, wire))
        if make is not _same:
            makes.append((place, make))
    struct = msgspec.defstruct(cls.__name__, wires, forbid_unknown_fields=True, kw_only=True, gc=False)
    numbers = [place for place, make in makes if make is _float]
    others = [(place, make) for place, make in makes if make is not _float]

    def build(wire: Any) -> Any:
        values = msgspec.structs.astuple(wire)
        # Most of a record are rows of finite numbers, which are taken as they are.
        for place in numbers:
            if values[place].__class__ is str:
                values = (*values[:place], _NOT_FINITE[values[place]], *values[place + 1 :])
        for place, make in others:
            values = (*values[:place], make(values[place]), *values[place + 1 :])
        return cls(*values)

    return struct, build


def _build_list(kind: Any, build: _Build, wires: list[Any]) -> list[Any]:
    try:
        # Three times as fast, and possible where each number is finite.
        return msgspec.convert(wires, list[kind], from_attributes=True)
    except msgspec.ValidationError:
        return [build(wire) for wire in wires]


def _float(value: Any) -> float:
    return _NOT_FINITE[value] if value.__class__ is str else value
