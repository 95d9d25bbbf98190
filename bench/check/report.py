"""The lines of a run of checks as text, aligned, and their summary."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from bench.check.plan import Plan
from bench.check.run import Settings
from bench.check.verdicts import POWER, Line

_VERDICT_WIDTH: Final = len("biased, as declared")


class Layout:
    """The widths of the columns, known from the plan, so that lines can be printed as they come."""

    def __init__(self, plan: Plan) -> None:
        subjects = [line.subject for line in plan.lines]
        names = [line.estimator for line in plan.lines]
        for name, checks in plan.checks.items():
            names.append(name)
            subjects += [check.subject for check in checks]
        self._name = max(map(len, names), default=0)
        self._subject = max(map(len, subjects), default=0)

    def header(self) -> str:
        """Return the titles of the columns."""
        return self._row("estimator", "task or property", "K", "verdict", "detectable", "replicates", "s", "")

    def line(self, line: Line) -> str:
        """Return one line of the table."""
        detectable = "" if line.detectable is None else f"{100 * round(line.detectable, 9):.2g}%"
        replicates = "" if line.replicates is None else f"{line.replicates:,}".replace(",", " ")
        samples = ",".join(map(str, line.samples))
        seconds = f"{line.seconds:.1f}" if line.samples else ""
        return self._row(
            line.estimator, line.subject, samples, line.verdict, detectable, replicates, seconds, line.detail
        )

    def _row(self, name: str, subject: str, samples: str, verdict: str, *rest: str) -> str:
        detectable, replicates, seconds, detail = rest
        return (
            f"{name:<{self._name}}  {subject:<{self._subject}}  {samples:>3}  {verdict:<{_VERDICT_WIDTH}}  "
            f"{detectable:>10}  {replicates:>10}  {seconds:>5}  {detail}"
        ).rstrip()


def summary(lines: Sequence[Line], settings: Settings, seconds: float) -> str:
    """Return what came out, in a few sentences."""
    counts = Counter(line.verdict for line in lines)
    parts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    text = [
        f"{parts}; {seconds:.0f} s.",
        f"Detectable is the smallest relative bias of a coordinate that would have been seen with {POWER:.0%} power; "
        f"a pass has it below {settings.tolerance:.3g}.",
        f"If all is right, a run says `biased` or `violated` with probability at most {settings.false_alarm:g}.",
    ]
    return "\n".join(text)


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
    return "`bench run --task TASK --estimator NAME` measures variance and cost"
