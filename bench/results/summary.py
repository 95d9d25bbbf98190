"""Results at a glance: one line per estimator, with 95% intervals; several seeds become their mean."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from bench.names.registry import TASKS
from bench.results.declared import declared_configurations
from bench.results.digits import interval, number
from bench.results.metrics import FINAL_VALUES, about, group_name
from bench.results.naming import briefly, spelled
from bench.results.order import by_number, place
from bench.results.over_seeds import Said, Summary, last_steps, summarise
from bench.results.render import Block
from bench.results.tables import Results
from bench.results.undecided import NOTE, undecided
from bench.results.verdicts import BIASES, Verdict, judged

GRADIENT_METRICS: Final = ("relative_bias", "variance", "snr", "cosine", "seconds", "evaluations")

_MISSING: Final = "–"
_VERDICT: Final = ("verdict", "seen from")

Row = dict[Hashable, Any]


def gradient_blocks(results: Results, metrics: Sequence[str], groups: Sequence[str]) -> list[Block]:
    """Return estimators × metrics at each cell's last measured step, one block per task and parameter group.

    Target, step and number of seeds are in the title where all lines have the same.

    >>> import bench
    >>> (block,) = bench.tables.gradient_blocks(bench.load("results"), ["snr"], ["guide"])
    >>> block.title
    'gradient of guide φ · gaussian-quadratic · target expectation · step 20 · 2 seeds'
    >>> [line[:2] for line in block.lines]
    [['reinforce', '2'], ['reparam', '2']]
    """
    last = last_steps(results.gradients)
    summary, names = summarise(last, results.final), spelled(results.final)
    judge = next((name for name in BIASES if name in metrics), "")
    silent = undecided(results.gradients) if judge else set()
    verdicts = _verdicts(summary, results.final, silent, judge, groups)
    headers = ["estimator", "K"]
    for metric in metrics:
        headers += [about(metric).head(about(metric).unit), *(_VERDICT if metric == judge else ())]
    blocks = []
    for (task, parameters), of_task in _grouped(_rows(last), "task", "task_parameters").items():
        for group in groups:
            found = {
                configuration: rows
                for (configuration,), rows in _grouped(of_task, "configuration").items()
                if any(row["group"] == group for row in rows)
            }
            if not found:
                continue
            context = {key: _context(rows, metrics, group) for key, rows in found.items()}
            shared, apart = _shared(list(context.values()))
            lines = [
                [
                    names[key],
                    str(rows[0]["samples"]),
                    *(context[key][name] for name in apart),
                    *_values(summary, verdicts, key, group, metrics, judge),
                ]
                for key, rows in _in_order(found, names)
            ]
            title = [f"gradient of {group_name(group)}", briefly(TASKS, task, parameters), *shared]
            notes = _notes(bool(judge), any((key, group) in silent for key in found))
            blocks.append(Block(" · ".join(title), [*headers[:2], *apart, *headers[2:]], lines, notes=notes))
    return blocks


def _values(
    summary: Summary,
    verdicts: Mapping[tuple[str, str], Verdict],
    configuration: str,
    group: str,
    metrics: Sequence[str],
    judge: str,
) -> list[str]:
    """Return the words of a line's metrics; the verdict stands behind the bias that it is about."""
    words = []
    for metric in metrics:
        words.append(_said(summary.moment(configuration, group, metric)))
        if metric == judge:
            verdict = verdicts.get((configuration, group))
            words += [verdict.word, _visible(verdict)] if verdict else [_MISSING, _MISSING]
    return words


def _visible(verdict: Verdict) -> str:
    return "any" if verdict.visible == 0 else number(verdict.visible, 2)


def _notes(judges: bool, silent: bool) -> list[str]:
    notes = ["brackets are 95% intervals, of several seeds that of their mean"]
    if judges:
        notes.append("seen from: how large a bias has to be to be seen four times in five")
        notes.append("verdicts are corrected for the number of biases in these tables")
    return [*notes, NOTE] if silent else notes


def _verdicts(
    summary: Summary,
    final: pd.DataFrame,
    silent: set[tuple[str, str]],
    metric: str,
    groups: Sequence[str],
) -> dict[tuple[str, str], Verdict]:
    """Return the verdicts on all biases that are shown, by configuration and parameter group."""
    shown = {
        (configuration, group): said
        for (configuration, group, name), said in summary.moments.items()
        if name == metric and group in groups
    }
    declared = declared_configurations(final)
    return judged(shown, [key for key in shown if key[0] in declared], silent)


def final_blocks(results: Results) -> list[Block]:
    """Return estimators × final values, one block per task; what a task does not have is left out.

    >>> import bench
    >>> (block,) = bench.tables.final_blocks(bench.load("results"))
    >>> block.headers
    ['estimator', 'K', 'seeds', 'objective', 'seconds per step (s)', 'evaluations per gradient']
    """
    summary, names = summarise(results.gradients.iloc[:0], results.final), spelled(results.final)
    blocks = []
    for (task, parameters), of_task in _grouped(_rows(results.final), "task", "task_parameters").items():
        values = [name for name in FINAL_VALUES if any(row[name] is not None for row in of_task)]
        found = {key: rows for (key,), rows in _grouped(of_task, "configuration").items()}
        lines = [
            [
                names[key],
                str(rows[0]["samples"]),
                _statuses(rows),
                *(_said(summary.final(key, value)) for value in values),
            ]
            for key, rows in _in_order(found, names)
        ]
        units = dict.fromkeys(row["unit"] for row in of_task if row["unit"])
        title = " · ".join(["final values", briefly(TASKS, task, parameters), *units])
        # The unit of the target is in the title.
        heads = [FINAL_VALUES[name].head(FINAL_VALUES[name].unit_of("")) for name in values]
        notes = ["brackets are 95% intervals: of one seed that of the evaluation, of several that of their mean"]
        blocks.append(Block(title, ["estimator", "K", "seeds", *heads], lines, notes=notes if values else []))
    return blocks


def _in_order(found: Mapping[str, list[Row]], names: Mapping[str, str]) -> list[tuple[str, list[Row]]]:
    """Return configurations with their rows: estimators as `bench list` has them, numbers as numbers."""
    return sorted(
        found.items(),
        key=lambda item: (place(item[1][0]["estimator"]), by_number(names[item[0]]), item[1][0]["samples"]),
    )


def _rows(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame, None for what is missing."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _grouped(rows: Sequence[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return rows by the values of some columns, in the order in which they come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _context(rows: Sequence[Row], metrics: Sequence[str], group: str) -> dict[str, str]:
    """Return the targets that a line's metrics are about, the steps that they were measured at, how many seeds."""
    shown = {(metric, about(metric).group(group)) for metric in metrics}
    in_group = [row for row in rows if row["group"] == group]
    targets = {row["metric"]: row["target"] for row in rows if (row["metric"], row["group"]) in shown}
    steps = sorted({row["step"] for row in in_group})
    return {
        "target": ", ".join(dict.fromkeys(targets[metric] for metric in metrics if metric in targets)),
        "step": "–".join(dict.fromkeys([str(steps[0]), str(steps[-1])])),
        "seeds": str(len({row["seed"] for row in in_group})),
    }


def _shared(contexts: Sequence[Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Return what all lines have in common, in words, and the names of what they differ in."""
    apart = [name for name in contexts[0] if len({context[name] for context in contexts}) > 1]
    words = {
        "target": f"target {contexts[0]['target']}",
        "step": f"step {contexts[0]['step']}",
        "seeds": "1 seed" if contexts[0]["seeds"] == "1" else f"{contexts[0]['seeds']} seeds",
    }
    return [text for name, text in words.items() if name not in apart and contexts[0][name]], apart


def _said(said: Said | None) -> str:
    if said is None:
        return _MISSING
    return interval(said.value, said.low, said.high)


def _statuses(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items())
