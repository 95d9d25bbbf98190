"""What a run prints at its end: the gradient's moments, the final bounds, where the results are."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from bench.names.registry import ESTIMATORS, TASKS
from bench.results.columns import limits, positive
from bench.results.schema import Record
from bench.statistics.intervals import Interval, quantile
from bench.statistics.seeds import combined_in_one, mean_over_seeds

_GROUPS: Final = {"guide": "guide φ", "model": "model θ"}
_FINAL: Final = {
    "objective": "objective",
    "train_elbo": "train ELBO",
    "log_evidence": "log p(x)",
    "gap": "gap (KL)",
    "test_elbo": "test ELBO",
    "test_log_likelihood": "test log p(x) ≥",
}
_COST: Final = ("seconds", "evaluations")
_COMPARED: Final = ("bias", "relative_bias")
"""Metrics that only an estimate with a reference gradient has."""


@dataclass(frozen=True)
class Comparable:
    """Records that differ in the seed only: what one line of a report is about."""

    name: str
    records: Sequence[Record]


def comparables(records: Iterable[Record]) -> list[Comparable]:
    """Group the records of one task by estimator and samples, in the order in which they come."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(label(record), []).append(record)
    return [Comparable(name, members) for name, members in groups.items()]


def label(record: Record) -> str:
    """Return the estimator with its parameters and K, as a line of a report is named."""
    return f"{ESTIMATORS.brief(record.cell.estimator_spec)} K={record.cell.samples}"


def gradient_table(records: Sequence[Record]) -> Table | None:
    """Return bias, variance, SNR, cosine and cost per estimator and parameter group at the last measured step."""
    step = max((row.step for record in records for row in record.gradients), default=None)
    if step is None:
        return None
    at = records[0].cell.measurement.at if records[0].cell.training.steps else "initial"
    where = {"own": f"at step {step}", "shared": f"at step {step} of the reference trajectory"}.get(
        at, "at the initial parameters"
    )
    table = Table(
        title=f"{TASKS.brief(records[0].cell.task_spec)}: gradient {where}",
        caption=_caption(records, step),
        box=None,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        caption_style="dim",
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for column in ("relative bias", "variance", "SNR", "cosine", "s/gradient", "evaluations"):
        table.add_column(column, justify="right")
    for line in comparables(records):
        _add_lines(table, line, step)
    return table


def _add_lines(table: Table, line: Comparable, step: int) -> None:
    groups = [
        group for group in _reported_groups(line.records[0]) if _over_seeds(line.records, step, group, "variance")
    ]
    for position, group in enumerate(groups):
        found = {
            metric: _over_seeds(line.records, step, "all" if metric in _COST else group, metric)
            for metric in ("relative_bias", "variance", "snr", "cosine", *_COST)
        }
        name = _GROUPS.get(group, group)
        table.add_row(
            f"{line.name}  {name}" if position == 0 else f"{'':{len(line.name)}}  {name}",
            _with_interval(found["relative_bias"]),
            _with_percent(found["variance"]),
            _with_interval(found["snr"]),
            _plain(found["cosine"], ".2f"),
            _plain(found["seconds"], ".2g") if position == 0 else "",
            _plain(found["evaluations"], "g") if position == 0 else "",
        )


def _reported_groups(record: Record) -> list[str]:
    """Return φ and θ, and the single parameters that a task reports on their own in place of the group they make up."""
    names = list(dict.fromkeys(row.group for row in record.gradients))
    single = [name for name in names if "." in name]
    return [
        name for name in ("guide", "model") if name in names and not any(s.startswith(name) for s in single)
    ] + single


def _over_seeds(records: Sequence[Record], step: int, group: str, metric: str) -> Interval | None:
    """Return a metric; over several seeds its mean, with the interval over seeds."""
    rows = [
        row
        for record in records
        for row in record.gradients
        if (row.step, row.group, row.metric) == (step, group, metric)
    ]
    if not rows:
        return None
    estimates = [[row.value, row.ci_low, row.ci_high] for row in rows]
    value, low, high = combined_in_one(estimates, [row.square for row in rows], positive(metric))
    return Interval(value, math.nan, low, high).clipped(*limits(metric))


def _caption(records: Sequence[Record], step: int) -> str:
    rows = [row for record in records for row in record.gradients if row.step == step]
    lines = []
    compared = [row for row in rows if row.metric in _COMPARED]
    for target in dict.fromkeys(row.target for row in compared):
        references = {row.reference for row in compared if row.target == target}
        lines.append(f"target {target}, reference {' and '.join(_merged(references))}")
    lines += _without_reference(records, step)
    counts = [row.n for row in rows]
    if counts:
        lines.append(f"{_count(counts)} replicates; brackets and ± are 95% intervals")
    return "\n".join(lines)


def _without_reference(records: Sequence[Record], step: int) -> list[str]:
    """Return for each target which lines of the table could not be compared with it, and why."""
    lacking: dict[str, list[str]] = {}
    for line in comparables(records):
        rows = [row for record in line.records for row in record.gradients if row.step == step]
        targets = dict.fromkeys(row.target for row in rows if row.metric == "variance")
        for target in targets if all(row.metric not in _COMPARED for row in rows) else ():
            lacking.setdefault(target, []).append(line.name)
    task = TASKS.brief(records[0].cell.task_spec)
    return [
        f"no reference for {', '.join(names)}: "
        f"{task} gives target {target} neither exactly nor by an unbiased estimator"
        for target, names in lacking.items()
    ]


def _merged(references: Iterable[str]) -> list[str]:
    """Return references in words, those that differ in their precision alone as one."""
    merged, precisions = [], {}
    for reference in sorted(references):
        parts = re.fullmatch(r"(.+, ±)([\d.e+]+)(%\))", reference)
        if parts is None:
            merged.append(reference)
        else:
            precisions.setdefault((parts[1], parts[3]), []).append(float(parts[2]))
    return merged + [f"{before}{_span(found)}{after}" for (before, after), found in precisions.items()]


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def final_lines(records: Sequence[Record]) -> list[str]:
    """Return one line per estimator with its final objective or bounds, and one per training that diverged."""
    lines = []
    for line in comparables(records):
        done = [record.final for record in line.records if record.final and record.status == "done"]
        parts = []
        for name, title in _FINAL.items():
            values = [getattr(final, name) for final in done]
            if values and values[0] is not None:
                errors = [vars(final).get(f"{name}_se", 0.0) for final in done]
                parts.append(f"{title} {_final_value(values, errors)}")
        units = [final.active_units for final in done if final.active_units is not None]
        if units:
            parts.append(f"active units {_count(units)}")
        if parts:
            lines.append(f"{line.name}  {' · '.join(parts)}")
        lines += [
            f"{line.name}, seed {record.cell.seed}: diverged: {record.reason}"
            for record in line.records
            if record.status == "diverged"
        ]
    return lines


def _final_value(values: Sequence[float], errors: Sequence[float]) -> str:
    if len(values) > 1:
        mean, _, high = mean_over_seeds(values)
        return f"{_number(mean)} ±{high - mean:.2g} ({len(values)} seeds)"
    if errors[0] == 0 or not math.isfinite(errors[0]):
        return _number(values[0])
    return f"{_number(values[0])} ±{quantile(math.inf) * errors[0]:.2g}"


def _count(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}–{high}"


def _number(value: float) -> str:
    text = f"{value:.1f}" if 10 <= abs(value) < 1e5 else f"{value:.4g}"
    return text.replace("-", "−")


def _with_interval(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{_short(interval.value)} [{_short(interval.low)}, {_short(interval.high)}]"


def _with_percent(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    if interval.value == 0:
        return "0"
    if interval.high > 1.5 * interval.value:
        # So wide that it is lopsided.
        return f"{interval.value:.3g} [{interval.low:.2g}, {interval.high:.2g}]"
    return f"{interval.value:.3g} ±{100 * (interval.high - interval.low) / 2 / interval.value:.2g}%"


def _plain(interval: Interval | None, form: str) -> str:
    return "–" if interval is None else f"{interval.value:{form}}".replace("-", "−")


def _short(value: float) -> str:
    if value == 0:
        return "0"
    return (f"{value:.2f}" if 0.1 <= abs(value) < 100 else f"{value:.2g}").replace("-", "−")
