"""Records as JSON and back, without loss.

JSON has no NaN and no infinity: those are the strings "nan", "inf" and "-inf", which a field of numbers never holds
otherwise, so that null is left to mean "there is no such quantity".
"""

import json
import math
import types
import typing
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from bench.errors import ResultsError
from bench.results.schema import SCHEMA_VERSION, Record, RunInfo
from bench.settings import Cell, cell_from_identity

T = TypeVar("T", Record, RunInfo)
Data = dict[str, Any]


_NEW_IN_2: Final = ("log_evidence", "gap", "gap_se", "active_units", "seeds_together")


def _second(record: Data) -> Data:
    """Return a record of version 1 as one of version 2, in which there are ways of learning and more final values."""
    final = record["final"]
    return {
        **record,
        "training": [{**row, "updated": "both"} for row in record["training"]],
        "final": None if final is None else {**final, **dict.fromkeys(_NEW_IN_2)},
    }


def _third(record: Data) -> Data:
    """Return a record of version 2 as one of version 3, whose norms have their squares beside them."""
    return {**record, "gradients": [{**row, "square": None} for row in record["gradients"]]}


def _fourth(record: Data) -> Data:
    """Return a record of version 3 as one of version 4, with its sources, and with whose value an objective is."""
    cell = record["cell"]
    relaxed = "gumbel-softmax" in (cell["estimator"], cell["estimator_parameters"].get("estimator"))
    of = "relaxed" if relaxed else "target"
    rows = [{**row, "objective_of": of} for row in record["training"]]
    return {**record, "training": rows, "task_source": None, "estimator_source": None}


def _unchanged(content: Data) -> Data:
    return content


UPGRADES: Final[dict[type, dict[int, Callable[[Data], Data]]]] = {
    Record: {1: _second, 2: _third, 3: _fourth, 4: _unchanged},
    # Version 5 knows the cells of a run.
    RunInfo: {1: _unchanged, 2: _unchanged, 3: _unchanged, 4: lambda run: {**run, "cells": []}},
}
"""What makes a file of schema version v one of version v + 1, by v."""

_NOT_FINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class CorruptRecord(ResultsError):
    """A file is not what was written: cut short, edited, or of another kind."""


def dump(value: Record | RunInfo) -> bytes:
    """Return a record, or the note about a run, as JSON."""
    data = {"schema_version": SCHEMA_VERSION, **asdict(value)}
    text = json.dumps(_encode(data), ensure_ascii=False, allow_nan=False, indent=1)
    # A stray byte of a file name in an error message becomes \udcxx, which JSON reads back as it was.
    return text.encode("utf-8", "backslashreplace")


def parse(kind: type[T], data: bytes, path: Path) -> T:
    """Return what `dump` wrote; `path` is named in errors.

    Raises:
        CorruptRecord: it is not such JSON.
        ResultsError: it is of a schema version that this varbench does not read.
    """
    try:
        content = json.loads(data)
        version = _exact_decoder(dict)(content).pop("schema_version")
        if type(version) is not int:
            raise TypeError("schema_version is not a number")
        content = _upgrade(kind, content, version, path)
        return _decoder(kind)(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CorruptRecord(
            f"{path} is not a readable record ({why}): delete it, or repeat the `bench run` that wrote it, "
            "which sets it aside and runs the cell again"
        ) from error


def _upgrade(kind: type, content: Data, version: int, path: Path) -> Data:
    if version > SCHEMA_VERSION:
        raise ResultsError(
            f"{path} has schema version {version} and this varbench reads up to {SCHEMA_VERSION}: update varbench"
        )
    for step in range(version, SCHEMA_VERSION):
        if step not in UPGRADES[kind]:
            raise ResultsError(
                f"{path} has schema version {version}, which this varbench no longer reads: "
                "read it with the version that wrote it, or delete it and run the cell again"
            )
        content = UPGRADES[kind][step](content)
    return content


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    return value


@cache
def _decoder(annotation: Any) -> Callable[[Any], Any]:
    """Return what turns plain JSON into a value of this type, or raises ValueError, TypeError or KeyError."""
    if annotation is float:
        return _float
    if annotation is Cell:
        return cell_from_identity
    if is_dataclass(annotation):
        return _dataclass_decoder(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list:
        return _list_decoder(_decoder(arguments[0]))
    if origin is types.UnionType:
        return _optional_decoder(_decoder(arguments[0]))
    if origin is typing.Literal:
        return _choice_decoder(arguments)
    return _exact_decoder(annotation)


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if value not in _NOT_FINITE:
        raise ValueError(f"{value!r} is not a number")
    return _NOT_FINITE[value]


def _dataclass_decoder(cls: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls)
    decoders = [(field.name, _decoder(hints[field.name])) for field in fields(cls)]

    def decode(value: Any) -> Any:
        if len(value) > len(decoders):
            raise ValueError(f"unknown key {', '.join(value.keys() - hints.keys())}")
        return cls(**{name: decoder(value[name]) for name, decoder in decoders})

    return decode


def _list_decoder(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decode(value: Any) -> Any:
        return [item(element) for element in _exact_decoder(list)(value)]

    return decode


def _optional_decoder(some: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else some(value)


def _choice_decoder(choices: tuple[Any, ...]) -> Callable[[Any], Any]:
    def decode(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return value

    return decode


def _exact_decoder(cls: type) -> Callable[[Any], Any]:
    def decode(value: Any) -> Any:
        if type(value) is not cls:
            raise TypeError(f"{value!r} is not of type {cls.__name__}")
        return value

    return decode
