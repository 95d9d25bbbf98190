"""Verdicts as aligned text, CSV rows or JSON."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from bench import escaping
from bench.compare.experiments import experiment_names
from bench.compare.verdicts import VERDICTS, Judged
from bench.results.columns import EXPERIMENT
from bench.results.digits import apart, interval, number
from bench.results.render import render
from bench.results.text import counted, folded

_MOST_LINES: Final = 60
_MISSING: Final = "–"
_FACTOR: Final = 10
_HEADERS: Final = ("group", "metric", "BASE", "NEW", "change", "p", "detectable")


@dataclass(frozen=True)
class Report:
    """Everything that a comparison found.

    Attributes:
        judged: the verdicts, most urgent first.
        failing: those that the comparison fails for.
        experiments: how many experiments both sides have.
        notes: sentences about what was not compared.
        missing: sentences about what BASE has and NEW lacks.
        reasons: sentences, other than `failing`, for which the comparison fails.
    """

    judged: Sequence[Judged]
    failing: Sequence[Judged]
    experiments: int
    notes: Sequence[str]
    missing: Sequence[str] = ()
    reasons: Sequence[str] = ()

    @property
    def fails(self) -> bool:
        """Whether the comparison leaves with a negative verdict."""
        return bool(self.failing or self.reasons)

    def summary(self) -> str:
        """Return the outcome on one line."""
        counts = Counter(one.verdict for one in self.judged)
        verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        lacking = f"; {len(self.missing)} missing" if self.missing else ""
        count = len(self.failing) + len(self.reasons)
        failing = f"; fails for {count}" if count else ""
        comparisons = f"{counted(len(self.judged), 'comparison')} of {counted(self.experiments, 'experiment')}"
        return f"{verdicts}; {comparisons}{lacking}{failing}"


def as_text(report: Report) -> str:
    """Return a table per verdict and experiment, the most urgent first, and the summary."""
    shown = report.judged[:_MOST_LINES]
    names = experiment_names([one.comparison.row for one in report.judged])
    groups: dict[str, list[Judged]] = {}
    for one, name in zip(shown, names, strict=False):
        groups.setdefault(_title(one, name), []).append(one)
    tables = [_table(title, alike) for title, alike in groups.items()]
    more = len(report.judged) - len(shown)
    rest = [f"{more} more lines with --format csv"] if more else []
    return "\n\n".join([*tables, *rest, folded(report.summary(), 2)])


def _title(one: Judged, name: str) -> str:
    """Return what the comparisons of a table have in common."""
    step = "" if one.comparison.step is None else f" · step {one.comparison.step}"
    base, new = one.comparison.versions
    versions = "" if base == new else f" · estimator version {base} in BASE, {new} in NEW"
    return f"{one.verdict}: {name}{step}{versions} · {one.comparison.difference.method}"


def _table(title: str, alike: Sequence[Judged]) -> str:
    # Of a change that is seen, or excluded, it is of no interest which one would have been found.
    shown = _HEADERS if alike[0].verdict == "inconclusive" else _HEADERS[:-1]
    return render(title, shown, [_line(one)[: len(shown)] for one in alike], "text", keys=2)


def as_csv(report: Report) -> str:
    """Return one row per comparison."""
    frame = pd.DataFrame([_fields(one, report) for one in report.judged])
    # A step that is missing must not turn the others into 0.0 and 100.0.
    return escaping.as_csv(frame.astype({"step": "Int64"} if len(frame) else {}))


def as_json(report: Report) -> dict[str, Any]:
    """Return the summary, the comparisons and the notes."""
    counts = Counter(one.verdict for one in report.judged)
    return {
        "experiments": report.experiments,
        "verdicts": {verdict: counts[verdict] for verdict in VERDICTS},
        "failing": len(report.failing),
        "comparisons": [_fields(one, report) for one in report.judged],
        "missing": list(report.missing),
        "reasons": list(report.reasons),
        "notes": list(report.notes),
    }


def _fields(one: Judged, report: Report) -> dict[str, Any]:
    comparison, row = one.comparison, one.comparison.row
    return {
        "verdict": one.verdict,
        "failing": any(one is other for other in report.failing),
        **{key: row[key] for key in EXPERIMENT},
        "estimator_version_base": comparison.versions[0],
        "estimator_version_new": comparison.versions[1],
        "step": comparison.step,
        "group": comparison.group,
        "metric": comparison.quantity.name,
        "base": comparison.base,
        "new": comparison.new,
        "change": one.change,
        "ci_low": one.low,
        "ci_high": one.high,
        "change_is": "share of base" if comparison.quantity.percent else "difference",
        "margin": comparison.quantity.margin,
        "p_adjusted": one.p,
        "detectable": one.detectable,
        "seeds_base": len(comparison.difference.base),
        "seeds_new": len(comparison.difference.new),
        "method": comparison.difference.method,
    }


def _line(one: Judged) -> list[str]:
    comparison = one.comparison
    percent = comparison.quantity.percent
    base, new = apart(comparison.base, comparison.new)
    return [
        comparison.group or _MISSING,
        comparison.quantity.name,
        base,
        new,
        _change(percent, one.change, one.low, one.high),
        _MISSING if math.isnan(one.p) else number(one.p, 2),
        _change(percent, one.detectable, math.nan, math.nan) if one.detectable else _MISSING,
    ]


def _change(percent: bool, value: float, low: float, high: float) -> str:
    """Return a change with its interval: a share in percent or, where any of it is more than tenfold, as a factor."""
    if math.isnan(value):
        return _MISSING
    if not percent:
        return interval(value, low, high, _signed)
    if any(abs(share) >= _FACTOR for share in (value, low, high)):
        return interval(1 + value, 1 + low, 1 + high, lambda text: f"×{text}")
    return interval(100 * value, 100 * low, 100 * high, lambda text: f"{_signed(text)}%")


def _signed(text: str) -> str:
    return text if text.startswith("−") else f"+{text}"
