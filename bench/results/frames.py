"""Frames by rows: what pandas does, with types that say what comes back."""

from collections.abc import Callable
from typing import Any, cast

import pandas as pd


def where(frame: pd.DataFrame, mask: Any) -> pd.DataFrame:
    """Return the rows for which a boolean mask holds."""
    return cast("pd.DataFrame", frame.loc[mask])


def series(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column."""
    return cast("pd.Series", frame[name])


def grouped(frame: pd.DataFrame, *keys: str) -> list[tuple[Any, pd.DataFrame]]:
    """Return the rows by the values of some columns, as a tuple each time, in the order in which they come."""
    return [(key, cast("pd.DataFrame", rows)) for key, rows in frame.groupby(list(keys), sort=False)]


def records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples."""
    return list(frame.itertuples())


def distinct(frame: pd.DataFrame, name: str) -> list[Any]:
    """Return a column's values, each once, in the order in which they come."""
    return list(dict.fromkeys(frame[name]))


def ordered(frame: pd.DataFrame, key: Callable[[Any], Any]) -> pd.DataFrame:
    """Return the rows sorted by what a function makes of each, as a named tuple."""
    keys = [key(row) for row in records(frame)]
    return frame.iloc[sorted(range(len(keys)), key=keys.__getitem__)]
