"""What a run prints of its gradients: their moments, with verdicts on their biases."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final as Constant

from bench.execution.comparable import Comparable, comparables, label, span
from bench.names.registry import TASKS
from bench.results.declared import declared_biased
from bench.results.digits import interval, minus, number, percent
from bench.results.metrics import METRICS, OF_COORDINATES, PARTS, group_name
from bench.results.over_seeds import Said, Summary, summarise
from bench.results.render import Block
from bench.results.schema import GradientRow, Record
from bench.results.tables import tidy
from bench.results.typed import parameters_text
from bench.results.undecided import undecided
from bench.results.verdicts import BIASES, Verdict, judged

_JUDGED: Constant = "relative_bias"
"""The metric that a verdict stands beside."""

Verdicts = Mapping[tuple[str, str], Verdict]


def gradient_table(records: Sequence[Record]) -> Block | None:
    """Return bias, variance, SNR, cosine and cost per estimator and parameter group at the last measured step.

    Where there is but one group to report, K is a column of its own.
    """
    records = [_without_coordinates(record) for record in records]
    step = max((row.step for record in records for row in record.gradients), default=None)
    if step is None:
        return None
    at = records[0].cell.measurement.at if records[0].cell.training.steps else "initial"
    where = {"own": f"at step {step}", "shared": f"at step {step} of the reference trajectory"}.get(
        at, "at the initial parameters"
    )
    summary = _summary([replace(record, gradients=_at(record, step)) for record in records])
    verdicts = _verdicts(records, summary)
    lines = [words for line in comparables(records) for words in _lines(line, summary, verdicts)]
    groups = list(dict.fromkeys(words[2] for words in lines))
    if len(groups) == 1:
        heads, of, lines = ["", "K"], f" of {groups[0]}", [[*words[:2], *words[3:]] for words in lines]
    else:
        heads, of, lines = ["", ""], "", [[_with_samples(words), *words[2:]] for words in lines]
    for metric in _COLUMNS:
        heads += [METRICS[metric].title, *(["verdict", "seen from"] if metric == _JUDGED else [])]
    title = f"{TASKS.brief(records[0].cell.task_spec)}: gradient{of} {where}"
    return Block(title, heads, lines, notes=_notes(records, step))


def _with_samples(words: Sequence[str]) -> str:
    return f"{words[0]} K={words[1]}" if words[0] else ""


def _without_coordinates(record: Record) -> Record:
    """Return a record without what is known of single coordinates of the gradient."""
    return replace(record, gradients=[row for row in record.gradients if not METRICS[row.metric].of_coordinates])


def _at(record: Record, step: int) -> list[GradientRow]:
    return [row for row in record.gradients if row.step == step]


def _summary(records: Sequence[Record]) -> Summary:
    results = tidy([replace(record, training=[]) for record in records])
    return summarise(results.gradients, results.final)


def _verdicts(records: Sequence[Record], summary: Summary) -> Verdicts:
    """Return the verdicts on the biases of a table, by configuration and parameter group."""
    declared = [
        record.cell.configuration
        for record in records
        if declared_biased(record.cell.estimator, parameters_text(record.cell.estimator_parameters))
    ]
    silent = undecided_biases(records)
    found = _biases(records, summary)
    return judged(found, [key for key in found if key[0] in declared], silent)


def undecided_biases(records: Sequence[Record]) -> set[tuple[str, str]]:
    """Return the configurations and parameter groups of whose bias nothing can be said: of those without an error."""
    exact = [
        record
        for record in records
        if any(row.metric in BIASES and row.ci_low == row.ci_high for row in record.gradients)
    ]
    return undecided(tidy([replace(record, training=[]) for record in exact]).gradients) if exact else set()


def _biases(records: Sequence[Record], summary: Summary) -> dict[tuple[str, str], Said]:
    return {
        (line.configuration, group): said
        for line in comparables(records)
        for group in _reported_groups(line.records[0])
        if (said := summary.moment(line.configuration, group, _JUDGED)) is not None
    }


def relative_biases(records: Sequence[Record]) -> dict[tuple[str, str], Said]:
    """Return the relative biases that the table of one task has, by configuration and parameter group."""
    records = [_without_coordinates(record) for record in records]
    step = max((row.step for record in records for row in record.gradients), default=None)
    if step is None:
        return {}
    rows = [[row for row in _at(record, step) if row.metric == _JUDGED] for record in records]
    judged_alone = [replace(record, gradients=of, final=None) for record, of in zip(records, rows, strict=True)]
    return _biases(records, _summary(judged_alone))


def _lines(line: Comparable, summary: Summary, verdicts: Verdicts) -> list[list[str]]:
    """Return a line per parameter group: the estimator and its K, once; the group; the metrics."""
    groups = [
        group for group in _reported_groups(line.records[0]) if summary.moment(line.configuration, group, "variance")
    ]
    lines = []
    for position, group in enumerate(groups):
        words = ["", ""] if position else [line.estimator, str(line.samples)]
        words.append(group_name(group))
        for metric, form in _COLUMNS.items():
            # Of the whole gradient: once per estimator.
            repeated = METRICS[metric].whole and position
            words.append("" if repeated else _word(summary.moment(line.configuration, group, metric), form))
            if metric == _JUDGED:
                verdict = verdicts.get((line.configuration, group))
                words += [verdict.word, verdict.seen_from] if verdict else ["–", "–"]
        lines.append(words)
    return lines


def _word(said: Said | None, form: Callable[[Said], str]) -> str:
    return "–" if said is None else form(said)


def _reported_groups(record: Record) -> list[str]:
    """Return φ and θ, and the single parameters that a task reports on their own in place of the group they make up."""
    names = list(dict.fromkeys(row.group for row in record.gradients))
    single = [name for name in names if "." in name]
    return [name for name in PARTS if name in names and not any(s.startswith(name) for s in single)] + single


def _is_compared(row: GradientRow) -> bool:
    """Return whether a row needed the gradient of the target."""
    return METRICS[row.metric].reference == "target"


def _notes(records: Sequence[Record], step: int) -> list[str]:
    """Return the sentences below the table: with what was compared, and what the intervals are."""
    rows = [row for record in records for row in _at(record, step)]
    lines = []
    compared = [row for row in rows if _is_compared(row)]
    for target in dict.fromkeys(row.target for row in compared):
        references = {row.reference for row in compared if row.target == target}
        lines.append(f"target {target}, reference {' and '.join(_merged(references))}")
    lines += _without_reference(records, step)
    # A coordinate of the reference comes from the replicates of that.
    counts = [row.n for row in rows if row.metric not in OF_COORDINATES]
    if counts:
        lines.append(
            f"{span(counts)} replicates; brackets and ± are 95% intervals, one in twenty of which misses the truth"
        )
        if compared:
            lines.append("seen from: the smallest bias that would be seen four times in five")
            lines.append("verdicts are corrected for the number of intervals in this table")
    return lines


def _without_reference(records: Sequence[Record], step: int) -> list[str]:
    """Return for each target which lines of the table could not be compared with it, and why."""
    lacking: dict[str, list[str]] = {}
    for line in comparables(records):
        rows = [row for record in line.records for row in _at(record, step)]
        targets = dict.fromkeys(row.target for row in rows if row.metric == "variance")
        for target in targets if not any(map(_is_compared, rows)) else ():
            lacking.setdefault(target, []).append(label(line))
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


def _with_interval(said: Said) -> str:
    return interval(said.value, said.low, said.high)


def _with_percent(said: Said) -> str:
    if said.low == said.high:
        return number(said.value, 3)
    # So wide that it is lopsided.
    wide = not said.high <= 1.5 * said.value
    return _with_interval(said) if wide else percent(said.value, (said.high - said.low) / 2 / said.value)


_COLUMNS: Constant[dict[str, Callable[[Said], str]]] = {
    "relative_bias": _with_interval,
    "variance": _with_percent,
    "snr": _with_interval,
    "cosine": lambda said: minus(f"{round(said.value, 2) + 0.0:.2f}"),
    "seconds": lambda said: number(said.value, 2),
    "evaluations": lambda said: number(said.value, 6) if said.low == said.high else _with_interval(said),
}
"""The metrics of the table, and how each is written."""
