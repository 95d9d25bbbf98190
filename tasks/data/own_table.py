"""A table of the user's own, in a CSV file: a column that is the target, numbers and words that are features."""

import csv
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.data import DataUnavailable
from tasks.data.files import Stamp, content_name, located, stamp, text

_SEPARATORS: Final = ",;\t|"
_LEAST: Final = 5
"""Rows, so that four fifths are not all."""
_MOST_WORDS: Final = 100
_SHOWN: Final = 10
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+(,\d+)?")

Column = NDArray[Any]
"""Values of one column, [N]: float64, or words as objects."""

Understood = Callable[[Path, str, Column], tuple[NDArray[np.float64], str]]
"""Gives the values of a target and a line about them, by the file's path and the column's name and values."""


@dataclass(frozen=True)
class OwnTable:
    """Rows of features, and of what is to be predicted from them.

    Attributes:
        features: [N, F]; words have become a column of 0 and 1 for each value, and columns that are all the same are
            left out.
        target: [N].
        name: of the data set; part of a result's identity.
        note: one line for people.
    """

    features: NDArray[np.float64]
    target: NDArray[np.float64]
    name: str
    note: str


def load_labelled(place: str, target: str | None, parameter: str) -> OwnTable:
    """Return the rows of a CSV file whose target has two values, which become −1 and 1.

    Args:
        place: its path.
        target: the column of the labels; the lower of its two values, or the first in the alphabet, becomes −1.
        parameter: of the task, that led to the file.

    Raises:
        DataUnavailable: the table cannot be used; the message names column and row, the first of which is 1.
        ValueError: the target is no column.
    """
    return _load(*_seen(place), target, parameter, _labels)


def load_measured(place: str, target: str | None, parameter: str) -> OwnTable:
    """Return the rows of a CSV file whose target is a number; the rest as in `load_labelled`.

    Raises:
        DataUnavailable: the table cannot be used; the message names column and row, the first of which is 1.
        ValueError: the target is no column.
    """
    return _load(*_seen(place), target, parameter, _measurements)


def _seen(place: str) -> tuple[Path, Stamp]:
    path = located(place)
    if path.is_dir():
        raise DataUnavailable(f"{path} is a folder: give a CSV file")
    return path, stamp([path])


@lru_cache(maxsize=2)
def _load(path: Path, seen: Stamp, target: str | None, parameter: str, understood: Understood) -> OwnTable:
    content, digest = text(path)
    table = _table(path, content)
    columns = ", ".join(table.columns[:_SHOWN]) + (", …" if len(table.columns) > _SHOWN else "")
    if target is None:
        raise ValueError(f"target=COLUMN must say which column of {path} to predict; there are {columns}")
    if target not in table.columns:
        raise ValueError(f"there is no column '{target}' in {path}; its first line names {columns}")
    if len(table) < _LEAST:
        raise DataUnavailable(f"{path} has {len(table)} row{'s' * (len(table) != 1)}; at least {_LEAST} are needed")
    if len(table.columns) == 1:
        raise DataUnavailable(f"{path} has no column besides '{target}': there is nothing to predict it from")
    found = _columns(table)
    for name, column in found.items():
        _require_whole(path, name, column)
    values, note = understood(path, target, found.pop(target))
    features, left_out = _features(path, found)
    if left_out:
        note += f"; left out because all rows are the same: {', '.join(left_out)}"
    return OwnTable(features, values, content_name(parameter, digest), note)


def _table(path: Path, content: str) -> pd.DataFrame:
    """Return the table as pandas reads it, by whatever separator its first line has."""
    content = content.lstrip("\n")
    header = content.partition("\n")[0]
    separator = max(_SEPARATORS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])]
    for number, name in enumerate(names, 1):
        if not name:
            raise DataUnavailable(
                f"column {number} of {path} has no name in the first line: give it one, or leave the column out "
                "(pandas writes an index with `to_csv`, but none with `to_csv(index=False)`)"
            )
        if name in names[: number - 1]:
            raise DataUnavailable(f"the first line of {path} names two columns '{name}': give each its own name")

    def read(decimal: str) -> pd.DataFrame:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return pd.read_csv(
                    io.StringIO(content),
                    sep=separator,
                    names=names,
                    header=0,
                    index_col=False,
                    skipinitialspace=True,
                    decimal=decimal,
                    low_memory=False,
                )
        except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, ValueError) as error:
            why = str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ")
            raise DataUnavailable(f"{path} is not a CSV file with {len(names)} columns: {why}") from None

    table = read(".")
    if separator == ";" and any(_has_decimal_commas(column) for column in _columns(table).values()):
        return read(",")
    return table


def _columns(table: pd.DataFrame) -> dict[str, Column]:
    """Return columns by name: numbers as float64, NaN where one is missing; words as objects, None likewise."""
    found: dict[str, Column] = {}
    for name in table.columns:
        values = table[name].to_numpy(dtype=object, na_value=None)
        numbers = _numbers(values)
        missing = np.array([value is None for value in values])
        found[name] = values if bool((np.isnan(numbers) & ~missing).any()) else numbers
    return found


def _numbers(values: Column) -> NDArray[np.float64]:
    """Return values as numbers, NaN where one is none."""
    return np.asarray(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), np.float64)


def _has_decimal_commas(column: Column) -> bool:
    texts = [str(value) for value in column if value is not None]
    return any("," in text for text in texts) and all(map(_DECIMAL_COMMA.fullmatch, texts))


def _is_words(column: Column) -> bool:
    return column.dtype == object


def _require_whole(path: Path, name: str, column: Column) -> None:
    """Refuse what is missing, infinite, or a word among numbers."""
    where = f"column '{name}' of {path}"
    missing = pd.isna(column)
    if missing.any():
        more = f", and {missing.sum() - 1} more" if missing.sum() > 1 else ""
        raise DataUnavailable(
            f"{where} has no value in {_row(missing)}{more}: fill in what is missing, or leave the row or the column "
            "out"
        )
    if _is_words(column):
        words = np.isnan(_numbers(column))
        if 2 * words.sum() < len(column):
            raise DataUnavailable(
                f"{where} holds numbers, except for '{column[words][0]}' in {_row(words)}: put a number there, or "
                f"leave "
                "the row or the column out"
            )
        return
    # Their squares are to be numbers, too.
    wrong = ~(np.abs(column) < np.sqrt(np.finfo(np.float64).max) / len(column))
    if wrong.any():
        raise DataUnavailable(
            f"{where} holds {column[wrong][0]:g} in {_row(wrong)}: numbers must be finite, and not so large; change "
            f"its unit, or leave the row out"
        )


def _row(wrong: NDArray[np.bool_]) -> str:
    """Return the first of some rows, counted from the one below the names."""
    return f"row {int(wrong.argmax()) + 1}"


def _labels(path: Path, target: str, column: Column) -> tuple[NDArray[np.float64], str]:
    """Return labels −1 and 1, and what the latter stand for."""
    values, counts = np.unique(column, return_counts=True)
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    if len(values) != 2:
        some = ", ".join(shown[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")
        raise DataUnavailable(
            f"the target '{target}' of {path} has {len(values)} value{'s' * (len(values) != 1)} ({some}), but "
            f"logistic regression tells two apart: choose another column, or keep only the rows of two values"
        )
    if counts.min() < 2:
        rare = shown[int(counts.argmin())]
        raise DataUnavailable(f"only one row of {path} has the target '{target}' = {rare}: each value needs at least 2")
    return np.where(column == values[1], 1.0, -1.0), f"label 1: {target} = {shown[1]}"


def _measurements(path: Path, target: str, column: Column) -> tuple[NDArray[np.float64], str]:
    """Return numbers as they are."""
    if _is_words(column):
        raise DataUnavailable(
            f"the target '{target}' of {path} holds words ('{column[0]}'), but a regression predicts a number: choose "
            f"another column"
        )
    if len(np.unique(column)) == 1:
        raise DataUnavailable(
            f"the target '{target}' of {path} is {column[0]:g} in all rows: there is nothing to predict; choose "
            "another column"
        )
    return column, f"target: {target}"


def _features(path: Path, columns: dict[str, Column]) -> tuple[NDArray[np.float64], list[str]]:
    """Return features as numbers, and the names of columns that are the same in all rows."""
    found: list[NDArray[np.float64]] = []
    left_out: list[str] = []
    for name, column in columns.items():
        kinds = np.unique(column)
        if len(kinds) == 1:
            left_out.append(name)
        elif not _is_words(column):
            found.append(column[:, None])
        elif len(kinds) > min(_MOST_WORDS, len(column) / 2):
            raise DataUnavailable(
                f"column '{name}' of {path} has {len(kinds)} different texts in {len(column)} rows: leave it out, or "
                f"merge some of them"
            )
        else:
            found.append((column[:, None] == kinds).astype(np.float64))
    if not found:
        raise DataUnavailable(f"all rows of {path} are the same except for the target: there is nothing to learn from")
    return np.column_stack(found), left_out
