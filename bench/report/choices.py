"""What a reader of a figure may choose, and what its axes and lines are called and look like."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from bench.figures.axes import decades
from bench.figures.palette import Look, Looks
from bench.report.drawn import Axis, Choice
from bench.results.frames import distinct, records, series, where
from bench.results.metrics import about, group_name

METRICS_SHOWN: Final = ("variance", "snr", "relative_bias", "bias", "bias_evidence", "cosine", "mse")
"""What is shown along training, as far as it was measured, and in which order metrics are offered."""
_CHOSEN: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "metric": ("Metric", lambda name: about(name).label),
    "group": ("Parameters", group_name),
    "panel": ("Of", str),
}
"""Columns of which a reader chooses a value, and what it is called."""


def looks_of(rows: pd.DataFrame, looks: Looks) -> Mapping[str, Look]:
    """Return the look of each label, in the order of the rows."""
    first = rows.drop_duplicates("label")
    return {one.label: looks(one.estimator, one.variant) for one in records(first)}


def metric_axes(rows: pd.DataFrame) -> dict[str, Axis]:
    """Return the axis of each metric."""
    return {
        metric: Axis(titled(metric), _is_log(metric, series(where(rows, rows["metric"] == metric), "value")))
        for metric in sorted(distinct(rows, "metric"), key=METRICS_SHOWN.index)
    }


def _is_log(metric: str, values: pd.Series) -> bool:
    """Return whether an axis is logarithmic at first: that of a cosine has an end above, and never is."""
    return about(metric).limits[1] == np.inf and decades(positive(values))


def titled(metric: str, unit: str | None = None) -> str:
    """Return the title of an axis, with its unit."""
    known = about(metric)
    unit = known.unit if unit is None else unit
    return known.label if unit == "1" else f"{known.label} ({unit})"


def choices_of(rows: pd.DataFrame) -> list[Choice]:
    """Return what all figures of gradients leave to their reader, as far as there is a choice."""
    known = {name: distinct(where(rows, rows[name].notna()), name) for name in _CHOSEN if name in rows}
    choices = []
    for name, values in known.items():
        label, called = _CHOSEN[name]
        values = sorted(values, key=METRICS_SHOWN.index) if name == "metric" else values
        choices.append(Choice(name, label, {value: called(value) for value in values}))
    return choices


def positive(values: pd.Series) -> list[float]:
    """Return the values that a logarithmic axis can show."""
    return [float(value) for value in values if value > 0]
