"""Results at a glance: one line per estimator, with 95% intervals; several seeds become their mean."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from scipy.special import ndtri

from bench.results.columns import METRICS, limits, positive
from bench.results.frames import grouped, where
from bench.results.naming import differing_settings
from bench.results.render import Word
from bench.results.tables import Results
from bench.statistics.seeds import combined_in_one, mean_over_seeds

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
        *(_moment(shown[metric], metric) for metric in metrics),
    ]


def _moment(rows: Sequence[Row], metric: str) -> str:
    if not rows:
        return _MISSING
    estimates = [[row["value"], row["ci_low"], row["ci_high"]] for row in rows]
    value, low, high = combined_in_one(estimates, [row["square"] for row in rows], positive(metric))
    least, most = limits(metric)
    return _with_ends(value, max(low, least), min(high, most))


def _final_value(rows: Sequence[Row], name: str) -> str:
    found = [(row[name], float(ndtri(0.975)) * (row.get(f"{name}_se") or 0.0)) for row in rows if row[name] is not None]
    if not found:
        return _MISSING
    value, half = found[0]
    low, high = value - half, value + half
    if len(found) > 1:
        value, low, high = mean_over_seeds([value for value, _ in found], positive(name))
    return _with_ends(value, low, high)


def _with_ends(value: float, low: float, high: float) -> str:
    return _number(value) if low == high or math.isnan(low) else f"{_number(value)} [{_number(low)}, {_number(high)}]"


def _statuses(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items())


def _number(value: float) -> str:
    return f"{value:.4g}"


def _with_unit(metric: str) -> str:
    unit = METRICS[metric].unit if metric in METRICS else "1"
    return metric if unit == "1" else f"{metric} ({unit})"


def _spec(name: str, parameters: str) -> str:
    return f"{name}({parameters})" if parameters else name
