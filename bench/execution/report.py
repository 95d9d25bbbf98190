"""What a run prints at its end: the gradient's moments, the final bounds, where the results are."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final as Constant

from bench.names.registry import ESTIMATORS, TASKS
from bench.results.declared import declared_biased
from bench.results.digits import interval, minus, number, percent, plus_minus
from bench.results.metrics import ACTIVE_UNITS, FINAL_VALUES, METRICS, PARTS, group_name
from bench.results.over_seeds import Said, Summary, summarise
from bench.results.render import Block
from bench.results.schema import Final, GradientRow, Record
from bench.results.tables import parameters_text, tidy
from bench.results.undecided import undecided
from bench.results.verdicts import Verdict, judged

_JUDGED: Constant = "relative_bias"
"""The metric that a verdict stands beside."""

_REACHED: Constant = ("objective", "train_elbo", "log_evidence", "gap", "test_elbo", "test_log_likelihood")


Verdicts = Mapping[tuple[str, str], Verdict]


@dataclass(frozen=True)
class Comparable:
    """Records that differ in the seed only: what one line of a report is about."""

    name: str
    records: Sequence[Record]

    @property
    def configuration(self) -> str:
        """Return what all of them are."""
        return self.records[0].cell.configuration


def comparables(records: Iterable[Record]) -> list[Comparable]:
    """Group the records of one task by estimator, samples and settings, in the order in which they come."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.cell.configuration, []).append(record)
    return [Comparable(label(members[0]), members) for members in groups.values()]


def label(record: Record) -> str:
    """Return the estimator with its parameters and K, as a line of a report is named."""
    return f"{ESTIMATORS.brief(record.cell.estimator_spec)} K={record.cell.samples}"


def gradient_table(records: Sequence[Record]) -> Block | None:
    """Return bias, variance, SNR, cosine and cost per estimator and parameter group at the last measured step."""
    step = max((row.step for record in records for row in record.gradients), default=None)
    if step is None:
        return None
    at = records[0].cell.measurement.at if records[0].cell.training.steps else "initial"
    where = {"own": f"at step {step}", "shared": f"at step {step} of the reference trajectory"}.get(
        at, "at the initial parameters"
    )
    headers = ["", ""]
    for metric in _COLUMNS:
        headers += [METRICS[metric].title, *(["verdict"] if metric == _JUDGED else [])]
    summary = _summary([replace(record, gradients=_at(record, step)) for record in records])
    verdicts = _verdicts(records, summary)
    lines = [words for line in comparables(records) for words in _lines(line, summary, verdicts)]
    title = f"{TASKS.brief(records[0].cell.task_spec)}: gradient {where}"
    return Block(title, headers, lines, notes=_notes(records, step))


def _at(record: Record, step: int) -> list[GradientRow]:
    return [row for row in record.gradients if row.step == step]


def _summary(records: Sequence[Record]) -> Summary:
    results = tidy([replace(record, training=[]) for record in records])
    return summarise(results.gradients, results.final)


def _verdicts(records: Sequence[Record], summary: Summary) -> Verdicts:
    """Return the verdicts on the biases of a table, by configuration and parameter group."""
    found = {
        (line.configuration, group): said
        for line in comparables(records)
        for group in _reported_groups(line.records[0])
        if (said := summary.moment(line.configuration, group, _JUDGED)) is not None
    }
    declared = [
        record.cell.configuration
        for record in records
        if declared_biased(record.cell.estimator, parameters_text(record.cell.estimator_parameters))
    ]
    silent = undecided(tidy(records).gradients)
    return judged(found, [key for key in found if key[0] in declared], silent)


def bias_lines(records: Sequence[Record]) -> list[str]:
    """Return one line per estimator: in which parameters a bias was seen, or how large one would have had to be."""
    step = max((row.step for record in records for row in record.gradients), default=0)
    at = [replace(record, gradients=_at(record, step)) for record in records]
    verdicts = _verdicts(records, _summary(at))
    lines = []
    for line in comparables(at):
        parts = [
            f"{group_name(group)} {verdict.sentence}"
            for (configuration, group), verdict in verdicts.items()
            if configuration == line.configuration
        ]
        if parts:
            lines.append(f"{line.name}  {' · '.join(parts)}")
    return lines


def _lines(line: Comparable, summary: Summary, verdicts: Verdicts) -> list[list[str]]:
    """Return a line of the table per parameter group; the first one names the estimator."""
    groups = [
        group for group in _reported_groups(line.records[0]) if summary.moment(line.configuration, group, "variance")
    ]
    lines = []
    for position, group in enumerate(groups):
        words = [line.name if position == 0 else "", group_name(group)]
        for metric, form in _COLUMNS.items():
            # Of the whole gradient: once per estimator.
            repeated = METRICS[metric].whole and position
            words.append("" if repeated else _word(summary.moment(line.configuration, group, metric), form))
            if metric == _JUDGED:
                verdict = verdicts.get((line.configuration, group))
                words.append(verdict.word if verdict else "–")
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
    counts = [row.n for row in rows]
    if counts:
        lines.append(f"{_count(counts)} replicates; brackets and ± are 95% intervals, of which one in twenty misses")
        lines += ["verdicts are corrected for the number of intervals in this table"] if compared else []
    return lines


def _without_reference(records: Sequence[Record], step: int) -> list[str]:
    """Return for each target which lines of the table could not be compared with it, and why."""
    lacking: dict[str, list[str]] = {}
    for line in comparables(records):
        rows = [row for record in line.records for row in _at(record, step)]
        targets = dict.fromkeys(row.target for row in rows if row.metric == "variance")
        for target in targets if not any(map(_is_compared, rows)) else ():
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
    done = [record for record in records if record.final and record.status == "done"]
    summary = _summary([replace(record, gradients=[]) for record in done])
    for line in comparables(records):
        finals = [record.final for record in line.records if record.final and record.status == "done"]
        parts = [
            f"{FINAL_VALUES[name].title} {_final_value(summary.final(line.configuration, name))}{_of(name, finals)}"
            for name in _REACHED
            if finals and vars(finals[0])[name] is not None
        ]
        units = [final.active_units for final in finals if final.active_units is not None]
        if units:
            parts.append(f"{ACTIVE_UNITS.title} {_count(units)}")
        if parts:
            lines.append(f"{line.name}  {' · '.join(parts)}")
        lines += [
            f"{line.name}, seed {record.cell.seed}: diverged: {record.reason}"
            for record in line.records
            if record.status == "diverged"
        ]
    return lines


def _of(name: str, finals: Sequence[Final]) -> str:
    """Return which ELBO a gap is of where it is not the one beside it, which is sampled."""
    exact = name == "gap" and all(final.gap_se == 0 and final.train_elbo_se for final in finals)
    return " of the exact ELBO" if exact else ""


def _final_value(said: Said | None) -> str:
    if said is None:
        return "nan"
    text = plus_minus(said.value, said.high - said.value, " ±")
    return f"{text} ({said.seeds} seeds)" if said.seeds > 1 else text


def _count(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}–{high}"


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
    "cosine": lambda said: minus(f"{said.value:.2f}"),
    "seconds": lambda said: number(said.value, 2),
    "evaluations": lambda said: number(said.value, 6) if said.low == said.high else _with_interval(said),
}
"""The metrics of the table, and how each is written."""
