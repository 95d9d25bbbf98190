"""The fields of a dataclass as columns of a table: unit and meaning are written once, at the field."""

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

_KEY: Final = "column"
_DTYPES: Final[dict[Any, str]] = {int: "int64", float: "float64", bool: "boolean"}


class Column(NamedTuple):
    """One column; `dtype` is the pandas one, in which capitals mark integers that may be missing."""

    name: str
    dtype: str
    unit: str
    meaning: str


class _Note(NamedTuple):
    unit: str
    meaning: str
    apart: bool


def column(unit: str, meaning: str, *, apart: bool = True) -> Mapping[str, Any]:
    """Return the metadata of a field that is a column.

    Args:
        unit: of its values; `1` for a plain number, empty where there is none.
        meaning: for a reader of the table.
        apart: of a cell's settings: whether two cells that differ in it are different experiments, and not repeats of
            one or measurements of different precision.
    """
    return {_KEY: _Note(unit, meaning, apart)}


def columns(cls: type, prefix: str = "", optional: bool = False) -> tuple[Column, ...]:
    """Return the columns of a dataclass's fields, in their order; with `optional`, each may be missing."""
    hints = get_type_hints(cls)
    return tuple(
        Column(prefix + field.name, _dtype(hints[field.name], optional), note.unit, note.meaning)
        for field, note in _noted(cls)
    )


def columns_apart(cls: type, prefix: str = "") -> tuple[str, ...]:
    """Return the names of the columns that tell experiments apart: all but those that say they do not."""
    return tuple(prefix + field.name for field, note in _noted(cls) if note.apart)


def _noted(cls: type) -> list[tuple[Field[Any], _Note]]:
    """Return the fields that are columns. Those that hold records of their own are none; no other may be left out."""
    hints = get_type_hints(cls)
    found = []
    for field in fields(cls):
        kind = hints[field.name]
        if any(map(is_dataclass, (kind, *get_args(kind)))):
            continue
        if _KEY not in field.metadata:
            raise TypeError(f"{cls.__name__}.{field.name} lacks `field(metadata=column(unit, meaning))`")
        found.append((field, field.metadata[_KEY]))
    return found


def _dtype(kind: Any, optional: bool) -> str:
    if get_origin(kind) in (UnionType, Union):
        optional = optional or NoneType in get_args(kind)
        kind = next(one for one in get_args(kind) if one is not NoneType)
    dtype = _DTYPES.get(kind, "string")
    return dtype.capitalize() if optional and kind is int else dtype
