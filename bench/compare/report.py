"""Verdicts as aligned text, CSV rows or JSON."""

import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from bench.compare.experiments import experiment_names
from bench.compare.verdicts import VERDICTS, Judged
from bench.results.columns import EXPERIMENT
from bench.results.digits import interval, number
from bench.results.render import render

_MOST_LINES: Final = 60
_MISSING: Final = "–"
_FACTOR: Final = 10
_HEADERS: Final = ("verdict", "experiment", "step", "group", "metric", "BASE", "NEW", "change", "p", "detectable", "by")


@dataclass(frozen=True)
class Report:
    """Everything that a comparison found.

    Attributes:
        judged: the verdicts, most urgent first.
        failing: those that the comparison fails for.
        experiments: how many experiments both sides have.
        notes: sentences about what was not compared.
    """

    judged: Sequence[Judged]
    failing: Sequence[Judged]
    experiments: int
    notes: Sequence[str]

    def summary(self) -> str:
        """Return the outcome on one line."""
        counts = Counter(one.verdict for one in self.judged)
        verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        failing = f"; fails for {len(self.failing)}" if self.failing else ""
        return f"{verdicts}; {len(self.judged)} comparisons of {self.experiments} experiments{failing}"


def as_text(report: Report) -> str:
    """Return an aligned table, the most urgent lines first, and the summary."""
    shown = report.judged[:_MOST_LINES]
    names = experiment_names([one.comparison.row for one in report.judged])
    lines = [_line(one, name) for one, name in zip(shown, names, strict=False)]
    more = len(report.judged) - len(shown)
    rest = [f"{more} more lines with --format csv"] if more else []
    return "\n".join([render("", _HEADERS, lines, "text", keys=5), *rest, report.summary()])


def as_csv(report: Report) -> str:
    """Return one row per comparison."""
    buffer = io.StringIO()
    frame = pd.DataFrame([_fields(one, report) for one in report.judged])
    # A step that is missing must not turn the others into 0.0 and 100.0.
    frame.astype({"step": "Int64"} if len(frame) else {}).to_csv(buffer, index=False)
    return buffer.getvalue()


def as_json(report: Report) -> str:
    """Return the summary, the comparisons and the notes; what is not finite is null."""
    counts = Counter(one.verdict for one in report.judged)
    content = {
        "experiments": report.experiments,
        "verdicts": {verdict: counts[verdict] for verdict in VERDICTS},
        "failing": len(report.failing),
        "comparisons": [{key: _finite(value) for key, value in _fields(one, report).items()} for one in report.judged],
        "notes": list(report.notes),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _fields(one: Judged, report: Report) -> dict[str, Any]:
    comparison, row = one.comparison, one.comparison.row
    return {
        "verdict": one.verdict,
        "failing": any(one is other for other in report.failing),
        **{key: row[key] for key in EXPERIMENT},
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


def _line(one: Judged, name: str) -> list[str]:
    comparison = one.comparison
    percent = comparison.quantity.percent
    change = _change(percent, one.change, one.low, one.high)
    return [
        one.verdict,
        name,
        _MISSING if comparison.step is None else str(comparison.step),
        comparison.group or _MISSING,
        comparison.quantity.name,
        number(comparison.base),
        number(comparison.new),
        change,
        _MISSING if math.isnan(one.p) else number(one.p, 2),
        _change(percent, one.detectable, math.nan, math.nan) if one.detectable else _MISSING,
        comparison.difference.method,
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
