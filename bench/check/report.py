"""The lines of a run of checks as text that fits the terminal, and their summary."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from bench.check.plan import Plan
from bench.check.run import Settings
from bench.check.verdicts import POWER, Line
from bench.results.text import folded, terminal_width

_VERDICT_WIDTH: Final = len("biased, as declared")
_INDENT: Final = "  "
_REST: Final = len(f"{_INDENT}  K, K  {'':{_VERDICT_WIDTH}}  detectable  10.0 s")
"""Columns of a line that the subject does not take."""
_LISTED: Final = 5
"""The most checks that do not apply that are listed without being asked for."""

_WHY_NOT: Final = "the estimator does not fit, or the task has no exact answer (--verbose lists them)."


class Layout:
    """Lines as they come, below the names of their estimators; what does not apply is held back.

    Args:
        plan: what is to be checked, from which the widths of the columns are known.
        verbose: whether what does not apply is listed, however much it is.
    """

    def __init__(self, plan: Plan, verbose: bool = False) -> None:
        subjects = [check.subject for checks in plan.checks.values() for check in checks]
        subjects += [line.subject for line in plan.lines if line.verdict != "not applicable"]
        self._inapplicable = sum(line.verdict == "not applicable" for line in plan.lines)
        longest = max(map(len, [*subjects, "task or property"]))
        self._subject = max(1, min(longest, terminal_width() - _REST))
        self._estimator = ""
        self._lists_all = verbose or self._inapplicable <= _LISTED

    def header(self) -> str:
        """Return the titles of the columns."""
        return self._row("task or property", "K", "verdict", "detectable", "time")

    def lines(self, line: Line) -> list[str]:
        """Return what is printed of one check: its estimator where that is new, the outcome, and why."""
        if line.verdict == "not applicable" and not self._lists_all:
            return []
        shown = []
        if line.estimator != self._estimator:
            self._estimator = line.estimator
            shown.append(line.estimator)
        samples = ",".join(map(str, line.samples))
        seconds = f"{line.seconds:.{1 if line.seconds < 100 else 0}f} s" if line.samples else ""
        shown.append(self._row(line.subject, samples, line.verdict, _percent(line.detectable), seconds))
        if line.detail:
            shown.append(folded(2 * _INDENT + line.detail, 2 * len(_INDENT)))
        return shown

    def held_back(self) -> str:
        """Return a sentence about what does not apply and was not listed; nothing where all was."""
        return "" if self._lists_all else folded(f"{self._inapplicable} checks do not apply: {_WHY_NOT}", 2)

    def _row(self, subject: str, samples: str, verdict: str, detectable: str, seconds: str) -> str:
        rest = f"{samples:>4}  {verdict:<{_VERDICT_WIDTH}}  {detectable:>10}  {seconds:>6}".rstrip()
        if len(subject) <= self._subject:
            return f"{_INDENT}{subject:<{self._subject}}  {rest}"
        return f"{_INDENT}{subject}\n{_INDENT}{'':{self._subject}}  {rest}"


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return f"{100 * share:.0f}%" if share >= 1 else f"{100 * round(share, 9):.2g}%"


def summary(lines: Sequence[Line], settings: Settings, seconds: float) -> str:
    """Return what came out, in a few sentences."""
    text = [
        f"{_counted(lines)}; {seconds:.0f} s.",
        f"Detectable is the smallest relative bias of a coordinate that would have been seen with {POWER:.0%} power; "
        f"a pass has it below {settings.tolerance:.3g}.",
        f"If all is right, a run says `biased` or `violated` with probability at most {settings.false_alarm:g}.",
    ]
    return "\n".join(folded(sentence, 2) for sentence in text)


def _counted(lines: Sequence[Line]) -> str:
    counts = Counter(line.verdict for line in lines)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def as_json(lines: Sequence[Line], settings: Settings, seconds: float) -> dict[str, Any]:
    """Return all lines, how often there was each verdict, and what they rest on."""
    return {
        "verdicts": Counter(line.verdict for line in lines),
        "lines": [vars(line) for line in lines],
        "tolerance": settings.tolerance,
        "power": POWER,
        "false_alarm": settings.false_alarm,
        "seconds": seconds,
    }


def advice(lines: Iterable[Line]) -> str:
    """Return the next useful command."""
    for line in lines:
        if line.verdict == "task at fault":
            return f"`bench info {shlex.quote(line.subject.partition('(')[0])}` shows what the task says of itself"
        if line.negative:
            return f"`bench info {shlex.quote(line.estimator.partition('(')[0])}` shows what it claims"
    for line in lines:
        if line.verdict == "inconclusive":
            return f"`bench check {shlex.quote(line.estimator)} --budget 1000` gives it more time"
    for line in lines:
        if line.verdict == "pass" and line.detectable is not None:
            task, estimator = shlex.quote(line.subject), shlex.quote(line.estimator)
            return f"`bench run --task {task} --estimator {estimator}` measures variance and cost"
    return "`bench list` names what can be checked"
