"""An article per estimator: what it declares, where it was measured, and what `bench check` says about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench import escaping
from bench.errors import BenchError
from bench.names.described import describe_estimator
from bench.names.registry import ESTIMATORS
from bench.report.sections import Key, Section
from bench.report.tables import Entry, Table, plain_table
from bench.results.checks import Checks
from bench.results.digits import number
from bench.results.frames import distinct, grouped
from bench.results.metrics import group_name
from bench.results.naming import spelled
from bench.results.order import place
from bench.results.tables import Results

_BAD: Final = ("biased", "violated", "task at fault")
"""Verdicts of `bench check` that something is wrong."""
_THEIRS: Final = (
    "It is not part of varbench: a report never imports other people's code, so it says only what the records say."
)


@dataclass(frozen=True)
class Article:
    """What is said of an estimator.

    Attributes:
        name: of it.
        anchor: where it is in the page.
        summary: in one line.
        declares: formula, paper, bias and more, by heading.
        measured: a line per task, parameter group and configuration.
        checked: a line per check; None where none is kept.
    """

    name: str
    anchor: str
    summary: str
    declares: Mapping[str, str]
    measured: Table | None
    checked: Table | None


def articles(
    results: Results, anchors: Mapping[str, str], sections: Sequence[Section], checks: Sequence[Checks]
) -> list[Article]:
    """Return an article per estimator that has cells, in the order of `bench list`.

    Args:
        results: of all of them.
        anchors: of estimators.
        sections: of tasks, whose tables are looked up.
        checks: that results folders keep.
    """
    named, spellings = dict(grouped(results.final, "estimator")), spelled(results.final)
    return [
        Article(
            escaping.line(name),
            anchors[name],
            _summary(name),
            _declares(name),
            _measured(set(named[name,]["configuration"]), sections, spellings),
            _checked(name, checks),
        )
        for name in sorted(distinct(results.final, "estimator"), key=lambda name: (place(name), name))
    ]


def _summary(name: str) -> str:
    if not ESTIMATORS.is_ours(name):
        return _THEIRS
    return ESTIMATORS.entries[name].summary if name in ESTIMATORS.entries else ""


def _declares(name: str) -> Mapping[str, str]:
    """Return what an estimator of ours declares; of others, or of one that this version lacks, nothing is known."""
    if not ESTIMATORS.is_ours(name):
        return {}
    try:
        known = describe_estimator(name, ESTIMATORS.load(name))
    except BenchError:
        return {}
    aliases = {"also called": ", ".join(known.aliases)} if known.aliases else {}
    return {**known.fields, **aliases, "example": known.example}


def _measured(configurations: set[str], sections: Sequence[Section], names: Mapping[str, str]) -> Table | None:
    """Return the lines of the tables of gradients that are of an estimator."""
    heads = ("relative_bias", "", "variance", "snr", "seconds")
    lines = []
    for section in sections:
        for table in section.gradients:
            if table.of is None:
                continue
            for configuration, line in zip(table.of.configurations, table.lines, strict=True):
                if configuration not in configurations:
                    continue
                by_head = dict(zip(table.headers, line, strict=True))
                by_metric = dict(zip(table.of.metrics, line, strict=True))
                words = [by_head.get("verdict", Entry("–")) if not head else by_metric.get(head) for head in heads]
                lines.append(
                    [
                        Entry(escaping.line(names[configuration])),
                        Entry(section.name, link=section.anchor),
                        Entry(group_name(table.of.group)),
                        by_head["K"],
                        *(word or Entry("–") for word in words),
                    ]
                )
    if not lines:
        return None
    headers = ["as", "task", "parameters", "K", "relative bias", "verdict", "variance", "SNR", "s/gradient"]
    return plain_table("Where it was measured, at the last step", headers, lines)


def _checked(name: str, checks: Sequence[Checks]) -> Table | None:
    """Return what `bench check` says of an estimator, in any configuration."""
    lines = [
        [
            Entry(escaping.line(line.estimator)),
            line.subject,
            Entry(escaping.line(line.verdict), mark="biased" if line.verdict in _BAD else ""),
            ", ".join(map(str, line.samples)),
            "–" if line.detectable is None else number(line.detectable, 2),
            line.detail,
        ]
        for run in checks
        for line in run.lines
        if line.estimator.partition("(")[0] == name
    ]
    if not lines:
        return None
    headers = ["as", "task or property", "verdict", "K", "seen from", "detail"]
    return plain_table("Verdicts of bench check", headers, lines)


def checks_line(checks: Sequence[Checks]) -> list[str]:
    """Return in sentences which checks the folders keep."""
    return [
        escaping.line(f"{len(run.lines)} checks of {run.when[:16].replace('T', ' ')} UTC, varbench {run.version}")
        for run in checks
    ]


def anchored(prefix: str, names: Sequence[Key] | Sequence[str]) -> dict:
    """Return places in the page by name: numbers, whatever is in the names."""
    return {name: f"{prefix}-{number}" for number, name in enumerate(names, start=1)}
