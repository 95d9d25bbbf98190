"""The lines of a run of checks as text that fits the terminal, and their summary."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bench.check.coverage import inconclusive, judged, other_values, where
from bench.check.plan import Plan
from bench.check.run import Settings
from bench.check.verdicts import POWER, Line
from bench.results.text import counted, folded, terminal_width

_VERDICT_WIDTH: Final = len("biased, as declared")
_INDENT: Final = "  "
_REST: Final = len(f"{_INDENT}  K,K,K  {'':{_VERDICT_WIDTH}}  detectable  10.0 s")
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
        if self._lists_all:
            return ""
        verb = "does" if self._inapplicable == 1 else "do"
        return folded(f"{counted(self._inapplicable, 'check')} {verb} not apply: {_WHY_NOT}", 2)

    def _row(self, subject: str, samples: str, verdict: str, detectable: str, seconds: str) -> str:
        rest = f"{samples:>5}  {verdict:<{_VERDICT_WIDTH}}  {detectable:>10}  {seconds:>6}".rstrip()
        if len(subject) <= self._subject:
            return f"{_INDENT}{subject:<{self._subject}}  {rest}"
        return f"{_INDENT}{subject}\n{_INDENT}{'':{self._subject}}  {rest}"


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return f"{100 * share:.0f}%" if share >= 1 else f"{100 * round(share, 9):.2g}%"


def summary(lines: Sequence[Line], settings: Settings, seconds: float, verbose: bool = False) -> str:
    """Return what came out and what was covered, in a few sentences."""
    text = [
        f"{_counted(lines)}; {seconds:.0f} s.",
        *_covered(lines),
        *_uncovered(other_values(lines), verbose),
        f"Detectable is the smallest relative bias of a coordinate that would have been detected with {POWER:.0%} "
        f"power; in a pass it is below {settings.tolerance:.3g}.",
        f"If everything is correct, a run says `biased` or `violated` with probability at most "
        f"{settings.false_alarm:g}.",
    ]
    return "\n".join(folded(sentence, 2) for sentence in text)


def _counted(lines: Sequence[Line]) -> str:
    counts = Counter(line.verdict for line in lines)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def _covered(lines: Sequence[Line]) -> list[str]:
    """Return how much was judged, and what was to be and was not."""
    found, open_ = judged(lines), inconclusive(lines)
    names = len(dict.fromkeys(line.estimator for line in found))
    text = [f"Judged: {counted(len(found), 'check')} of {counted(names, 'configuration')} of estimators."]
    if open_:
        text.append(f"No conclusion on {counted(len(open_), 'check')}: {where(open_)}.")
    return text


def _uncovered(values: Mapping[str, Mapping[str, str]], verbose: bool) -> list[str]:
    """Return which values of the estimators' parameters were not checked."""
    if not values:
        return []
    parameters = sum(map(len, values.values()))
    if parameters > _LISTED and not verbose:
        text = f"other values of {parameters} parameters of {len(values)} estimators (--verbose names them)"
    else:
        text = "; ".join(
            f"{name} with {', '.join(f'{key} {_is(which)}' for key, which in of_one.items())}"
            for name, of_one in values.items()
        )
    return [f"Not checked: {text}."]


def _is(values: str) -> str:
    return values if values.startswith("other than") else f"= {values}"


def as_json(lines: Sequence[Line], settings: Settings, seconds: float, missed: Sequence[str] = ()) -> dict[str, Any]:
    """Return all lines, how often there was each verdict, what they rest on, and what was not covered.

    Args:
        lines: of the whole run.
        settings: that it had.
        seconds: that it took.
        missed: the demands that it did not meet, as sentences.
    """
    return {
        "verdicts": Counter(line.verdict for line in lines),
        "judged": len(judged(lines)),
        "missed": list(missed),
        "unchecked_values": other_values(lines),
        "lines": [vars(line) for line in lines],
        "seed": settings.seed,
        "tolerance": settings.tolerance,
        "power": POWER,
        "false_alarm": settings.false_alarm,
        "seconds": seconds,
    }


def advice(lines: Iterable[Line]) -> str:
    """Return the next useful command."""
    for line in lines:
        if line.verdict == "task at fault":
            return f"`bench info {shlex.quote(line.subject.partition('(')[0])}` shows what the task declares"
        if line.negative:
            return f"`bench info {shlex.quote(line.estimator.partition('(')[0])}` shows what it claims"
    for line in lines:
        if line.verdict == "inconclusive":
            return f"`bench check {shlex.quote(line.estimator)} --budget 1000` gives it more time"
    for line in lines:
        if line.verdict == "pass" and line.detectable is not None:
            task, estimator = shlex.quote(line.subject), shlex.quote(line.estimator)
            return f"`bench run --task {task} --estimator {estimator}` measures variance and cost"
    return "`bench list --matrix` shows which estimator fits which task"
