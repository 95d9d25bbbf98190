"""Results at a glance: one line per estimator, with 95% intervals; several seeds become their mean."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from bench.results.columns import METRICS, limits, positive
from bench.results.frames import grouped, where
from bench.results.naming import differing_settings
from bench.results.render import Word
from bench.results.tables import Results

GRADIENT_METRICS: Final = ("relative_bias", "variance", "snr", "cosine", "seconds", "evaluations")
GROUPS: Final = ("guide", "model")
FINAL_VALUES: Final = (
    "objective",
    "train_elbo",
    "log_evidence",
    "gap",
    "test_elbo",
    "test_log_likelihood",
    "seconds_per_step",
    "evaluations",
)

# These belong to the whole gradient, whichever group of its parameters a line is about.
_COSTS: Final = ("seconds", "evaluations", "peak_memory")
_MISSING: Final = "–"

Row = dict[Hashable, Any]


@dataclass(frozen=True)
class Block:
    """A table with what it is about; the first column names the lines."""

    title: str
    headers: list[str]
    lines: Sequence[Sequence[Word]]


def gradient_blocks(results: Results, metrics: Sequence[str], groups: Sequence[str]) -> list[Block]:
    """Return estimators × metrics at each cell's last measured step, one block per task and parameter group."""
    measured = results.gradients
    last = _rows(where(measured, measured["step"] == measured.groupby("cell")["step"].transform("max")))
    names = _names(results)
    headers = ["estimator", "target", "step", "seeds", *map(_with_unit, metrics)]
    blocks = []
    for (task, parameters), of_task in _grouped(last, "task", "task_parameters").items():
        for group in groups:
            lines = [
                _gradient_line(names[configuration], rows, metrics, group)
                for (configuration,), rows in _grouped(of_task, "configuration").items()
                if any(row["group"] == group for row in rows)
            ]
            if lines:
                blocks.append(Block(f"{_spec(task, parameters)} · gradient, {group}", headers, sorted(lines)))
    return blocks


def final_blocks(results: Results) -> list[Block]:
    """Return estimators × final values, one block per task; what a task does not have is left out."""
    names = _names(results)
    blocks = []
    for (task, parameters), of_task in _grouped(_rows(results.final), "task", "task_parameters").items():
        values = [name for name in FINAL_VALUES if any(row[name] is not None for row in of_task)]
        lines = [
            [names[configuration], _statuses(rows), *(_final_value(rows, name) for name in values)]
            for (configuration,), rows in _grouped(of_task, "configuration").items()
        ]
        units = dict.fromkeys(row["unit"] for row in of_task if row["unit"])
        title = " · ".join([_spec(task, parameters), ", ".join(["final", *units])])
        blocks.append(Block(title, ["estimator", "seeds", *values], sorted(lines)))
    return blocks


def mean_over_seeds(values: Sequence[float], is_positive: bool = False) -> tuple[float, float, float]:
    """Return the mean over two or more independent seeds, and Student's 95% interval; see `ends`."""
    with np.errstate(invalid="ignore"):  # a diverged seed's infinity makes the interval NaN
        mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    low, high = ends(mean, half_width(deviation, len(values)), is_positive)
    return mean, float(low), float(high)


def half_width(deviation: ArrayLike, seeds: ArrayLike) -> np.ndarray:
    """Return half of Student's 95% interval of the mean over two or more seeds with this standard deviation."""
    return stdtrit(np.subtract(seeds, 1), 0.975) * deviation / np.sqrt(seeds)


def ends(mean: ArrayLike, half: ArrayLike, is_positive: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of intervals of means with these half-widths.

    That of a positive quantity is mean · exp(± half / mean), Student's on the logarithm by the delta method. With few
    seeds mean − half is often below zero, and the seeds' values are skewed: of three log-normal ones with σ = 1, mean ±
    half holds the truth 84% of the time, and this 92%.
    """
    mean, half = np.asarray(mean, float), np.asarray(half, float)
    on_logarithm = np.asarray(is_positive) & (mean > 0)
    with np.errstate(invalid="ignore", over="ignore"):  # the infinity of a diverged seed
        factor = np.exp(half / np.where(on_logarithm, mean, 1.0))
        low, high = mean - half, mean + half
        return np.where(on_logarithm, mean / factor, low), np.where(on_logarithm, mean * factor, high)


def _rows(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame, None for what is missing."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _grouped(rows: Sequence[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return rows by the values of some columns, in the order in which they come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _names(results: Results) -> dict[str, str]:
    """Return what to call each configuration: the estimator, its samples, and what else tells it from its namesakes."""
    one_each = results.final.drop_duplicates("configuration")
    names = {}
    same_name = ("task", "task_parameters", "estimator", "estimator_parameters", "samples")
    for (_, _, estimator, parameters, samples), namesakes in grouped(one_each, *same_name):
        differing = differing_settings(namesakes)
        for row in _rows(namesakes):
            more = "".join(f" {key}={row[key]}" for key in differing)
            names[row["configuration"]] = f"{_spec(estimator, parameters)} K={samples}{more}"
    return names


def _gradient_line(name: str, rows: Sequence[Row], metrics: Sequence[str], group: str) -> list[str]:
    in_group = [row for row in rows if row["group"] == group]
    shown = {
        metric: [
            row for row in rows if row["metric"] == metric and row["group"] == ("all" if metric in _COSTS else group)
        ]
        for metric in metrics
    }
    targets = dict.fromkeys(row["target"] for metric in metrics for row in shown[metric])
    steps = sorted({row["step"] for row in in_group})
    return [
        name,
        ", ".join(targets),
        "–".join(dict.fromkeys([str(steps[0]), str(steps[-1])])),
        str(len({row["seed"] for row in in_group})),
        *(_interval([_ends_of(row) for row in shown[metric]], metric, *limits(metric)) for metric in metrics),
    ]


def _ends_of(row: Row) -> tuple[float, float, float]:
    return row["value"], row["ci_low"], row["ci_high"]


def _final_value(rows: Sequence[Row], name: str) -> str:
    found = [(row[name], float(ndtri(0.975)) * (row.get(f"{name}_se") or 0.0)) for row in rows if row[name] is not None]
    return _interval([(value, value - half, value + half) for value, half in found], name)


def _interval(
    estimates: Sequence[tuple[float, float, float]], metric: str, least: float = -math.inf, most: float = math.inf
) -> str:
    """Return the estimates of a metric, each with its interval's ends, as one; it can be `least` to `most`."""
    if not estimates or estimates[0][0] is None:
        return _MISSING
    value, low, high = estimates[0]
    if len(estimates) > 1:
        value, low, high = mean_over_seeds([estimate for estimate, _, _ in estimates], positive(metric))
        low, high = max(low, least), min(high, most)
    return _number(value) if low is None or low == high else f"{_number(value)} [{_number(low)}, {_number(high)}]"


def _statuses(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items())


def _number(value: float) -> str:
    return f"{value:.4g}"


def _with_unit(metric: str) -> str:
    unit = METRICS[metric].unit if metric in METRICS else "1"
    return metric if unit == "1" else f"{metric} ({unit})"


def _spec(name: str, parameters: str) -> str:
    return f"{name}({parameters})" if parameters else name
