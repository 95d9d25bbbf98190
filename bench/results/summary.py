"""Results at a glance: one line per estimator, with 95% intervals; several seeds become their mean."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from bench.results.columns import NAMED
from bench.results.declared import declared_configurations
from bench.results.digits import interval
from bench.results.frames import grouped
from bench.results.metrics import FINAL_VALUES, about
from bench.results.naming import differing_settings
from bench.results.over_seeds import Said, Summary, last_steps, summarise
from bench.results.tables import Results
from bench.results.verdicts import BIASES, judged
from bench.results.words import Word

GRADIENT_METRICS: Final = ("relative_bias", "variance", "snr", "cosine", "seconds", "evaluations")

_MISSING: Final = "–"
_VERDICT: Final = "verdict"

Row = dict[Hashable, Any]


@dataclass(frozen=True)
class Block:
    """A table with what it is about; the first column names the lines."""

    title: str
    headers: list[str]
    lines: Sequence[Sequence[Word]]


def gradient_blocks(results: Results, metrics: Sequence[str], groups: Sequence[str]) -> list[Block]:
    """Return estimators × metrics at each cell's last measured step, one block per task and parameter group.

    >>> import bench
    >>> (block,) = bench.tables.gradient_blocks(bench.load("results"), ["snr"], ["guide"])
    >>> [line[:4] for line in block.lines]
    [['reinforce... K=2', 'expectation', '20', '2'], ['reparam... K=2', 'expectation', '20', '2']]
    """
    last = last_steps(results.gradients)
    summary, names = summarise(last, results.final), _names(results)
    judge = next((name for name in BIASES if name in metrics), "")
    verdicts = _verdicts(summary, results.final, judge, groups)
    # The verdict stands behind the bias that it is about.
    columns = [column for metric in metrics for column in (metric, *([_VERDICT] if metric == judge else []))]
    headers = ["estimator", "target", "step", "seeds", *map(_with_unit, columns)]
    blocks = []
    for (task, parameters), of_task in _grouped(_rows(last), "task", "task_parameters").items():
        for group in groups:
            lines = [
                [
                    names[configuration],
                    *_context(rows, metrics, group),
                    *(
                        verdicts.get((configuration, group), _MISSING)
                        if column == _VERDICT
                        else _said(summary.moment(configuration, group, column))
                        for column in columns
                    ),
                ]
                for (configuration,), rows in _grouped(of_task, "configuration").items()
                if any(row["group"] == group for row in rows)
            ]
            if lines:
                blocks.append(Block(f"{_spec(task, parameters)} · gradient, {group}", headers, sorted(lines)))
    return blocks


def _verdicts(summary: Summary, final: pd.DataFrame, metric: str, groups: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the verdicts on all biases that are shown, by configuration and parameter group."""
    shown = {
        (configuration, group): said
        for (configuration, group, name), said in summary.moments.items()
        if name == metric and group in groups
    }
    declared = declared_configurations(final)
    found = judged(shown, [key for key in shown if key[0] in declared])
    return {key: verdict.sentence for key, verdict in found.items()}


def final_blocks(results: Results) -> list[Block]:
    """Return estimators × final values, one block per task; what a task does not have is left out.

    >>> import bench
    >>> (block,) = bench.tables.final_blocks(bench.load("results"))
    >>> block.headers
    ['estimator', 'seeds', 'objective', 'seconds_per_step', 'evaluations']
    """
    summary, names = summarise(results.gradients.iloc[:0], results.final), _names(results)
    blocks = []
    for (task, parameters), of_task in _grouped(_rows(results.final), "task", "task_parameters").items():
        values = [name for name in FINAL_VALUES if any(row[name] is not None for row in of_task)]
        lines = [
            [names[configuration], _statuses(rows), *(_said(summary.final(configuration, value)) for value in values)]
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
    for (_, _, estimator, parameters, samples), namesakes in grouped(one_each, *NAMED):
        differing = differing_settings(namesakes)
        for row in _rows(namesakes):
            more = "".join(f" {key}={row[key]}" for key in differing)
            names[row["configuration"]] = f"{_spec(estimator, parameters)} K={samples}{more}"
    return names


def _context(rows: Sequence[Row], metrics: Sequence[str], group: str) -> list[str]:
    """Return the targets that a line's metrics are about, the steps that they were measured at, how many seeds."""
    shown = {(metric, about(metric).group(group)) for metric in metrics}
    in_group = [row for row in rows if row["group"] == group]
    targets = {row["metric"]: row["target"] for row in rows if (row["metric"], row["group"]) in shown}
    steps = sorted({row["step"] for row in in_group})
    return [
        ", ".join(dict.fromkeys(targets[metric] for metric in metrics if metric in targets)),
        "–".join(dict.fromkeys([str(steps[0]), str(steps[-1])])),
        str(len({row["seed"] for row in in_group})),
    ]


def _said(said: Said | None) -> str:
    if said is None:
        return _MISSING
    return interval(said.value, said.low, said.high)


def _statuses(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items())


def _with_unit(metric: str) -> str:
    unit = about(metric).unit
    return metric if unit == "1" else f"{metric} ({unit})"


def _spec(name: str, parameters: str) -> str:
    return f"{name}({parameters})" if parameters else name
