"""What recipes share: measured numbers as rows, power laws fitted to them, and how both are written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.figures.estimates import last_moments
from bench.figures.slopes import Slope, fit
from bench.names.spec import parse_spec
from bench.reproduce.recipe import Ran
from bench.results import digits
from bench.results.frames import grouped, records, series, where
from bench.results.metrics import about


def estimates(ran: Ran, metrics: Sequence[str], groups: Sequence[str]) -> pd.DataFrame:
    """Return a row per configuration, parameter group and metric at the last measured step, over seeds where several.

    What is measured of the whole gradient, its cost, has the group `all`.
    """
    found = last_moments(ran.results, metrics, groups)
    whole = [about(metric).whole for metric in found["metric"]]
    wanted = np.where(whole, found["group"] == "all", found["group"].isin(groups))
    return where(found, wanted).reset_index(drop=True)


def parameter(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the value that a task's numeric parameter has in each row."""
    known = {text: parse_spec(f"task({text})").parameters[name] for text in set(frame["task_parameters"])}
    return pd.Series(mapped(frame, "task_parameters", known), index=frame.index, dtype=float)


def mapped(frame: pd.DataFrame, column: str, values: Mapping[Any, Any]) -> list[Any]:
    """Return what the entries of a column stand for."""
    return [values[key] for key in frame[column]]


def fitted(line: pd.DataFrame, x: str, of: str = "value") -> Slope | None:
    """Return the slope of log `value` against log `x`; of another column, with the weights of `value`.

    Fitting a law's exact values in the points that were measured, by the same weights, shows which slope is to be
    expected there: laws are of the leading order, and their logarithms are not straight at small `x`.
    """
    ratio = series(line, of) / series(line, "value")
    return fit(line[x], line[of], line["ci_low"] * ratio, line["ci_high"] * ratio)


def slope_lines(rows: pd.DataFrame, keys: Sequence[str], x: str, limits: Sequence[str]) -> list[list[str]]:
    """Return a table's line per group of rows: its keys, our slope, that of the law in the same points, its limit."""
    return [
        [*map(str, key), slope_words(fitted(line, x)), _law(fitted(line, x, "law")), limit]
        for (key, line), limit in zip(grouped(rows, *keys), limits, strict=True)
    ]


def slope_words(slope: Slope | None) -> str:
    """Return a slope with its 95% interval."""
    return "–" if slope is None else _signed(f"{slope.slope:.2f} [{slope.low:.2f}, {slope.high:.2f}]")


def _law(slope: Slope | None) -> str:
    return "–" if slope is None else _signed(f"{slope.slope:.2f}")


def words(row: object) -> str:
    """Return a row's value with its 95% interval."""
    value, low, high = (getattr(row, name) for name in ("value", "ci_low", "ci_high"))
    if not np.isfinite(value):
        return "–"
    return number(value) if low == high or not np.isfinite(low) else digits.interval(value, low, high)


def number(value: float) -> str:
    """Return a number without an interval, as for a law: with three significant digits."""
    return digits.number(value, 3)


def value_words(rows: pd.DataFrame, **chosen: object) -> str:
    """Return the value with its interval of the only row with these columns, or a dash where there is none."""
    for column, value in chosen.items():
        rows = where(rows, rows[column] == value)
    return words(records(rows)[0]) if len(rows) else "–"


def _signed(text: str) -> str:
    return text.replace("-", "−")
