"""`bench compare`: has variance, bias, ELBO or cost changed between two sets of results?"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import click

from bench import errors
from bench.cli.numbers import Finite, Whole
from bench.cli.output import print_json
from bench.cli.plugins import PLUGIN
from bench.errors import UsageError
from bench.escaping import echo, line
from bench.results.metrics import PARTS
from bench.results.text import counted, folded

if TYPE_CHECKING:
    from bench.compare.verdicts import Judged

_MISSING: Final = "missing"
"""What `--fail-if` calls that NEW lacks something that BASE has."""


@click.command()
@click.argument("base")
@click.argument("new")
@click.option(
    "--fail-if",
    "fail_if",
    multiple=True,
    metavar="METRIC:±N[%]|missing",
    help="Fail only for a significant change of at least this, such as variance:+10%, or also if NEW lacks what BASE "
    "has; repeatable.  [default: any worse]",
)
@click.option(
    "--require",
    type=Whole(),
    default=1,
    show_default=True,
    help="Fail unless this many comparisons, apart from counts, are conclusive; 0 asks for nothing.",
)
@click.option("--group", "groups", multiple=True, help="Parameter group; repeatable.  [default: guide and model]")
@click.option("--pair", "pairs", multiple=True, metavar="A=B", help="Compare A in BASE with B in NEW; repeatable.")
@click.option(
    "--level",
    type=Finite(0, 0.5, min_open=True),
    default=0.01,
    show_default=True,
    help="How often results that do not differ may be called better or worse.",
)
@click.option("--format", "form", type=click.Choice(["text", "csv", "json"]), default="text", show_default=True)
@PLUGIN
def compare(
    base: str,
    new: str,
    fail_if: tuple[str, ...],
    require: int,
    groups: tuple[str, ...],
    pairs: tuple[str, ...],
    level: float,
    form: Literal["text", "csv", "json"],
) -> None:
    """Judge whether NEW is better than, worse than or equivalent to BASE.

    Both are results folders, or REVISION:FOLDER in a git checkout. Variance, relative bias, final ELBO or objective,
    evaluations and seconds are compared, with 95% intervals, a correction for multiplicity, and the change that would
    have been detected with 80% power. Exit code 1 means a negative verdict, cells that fail in NEW but not in BASE, or
    that nothing could be judged.

    \b
    bench compare results-before results-after
    bench compare main:results results --fail-if 'variance:+10%'
    bench compare results results --pair reinforce=reinforce-loo
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    from bench.compare.conditions import unnamed_modules
    from bench.compare.matching import match, parse_pairs
    from bench.compare.quantities import parse_threshold, with_thresholds
    from bench.compare.report import Report, as_csv, as_json, as_text
    from bench.compare.sources import read_source
    from bench.compare.trainings import timings_differ_because
    from bench.compare.verdicts import decided, judge, violations

    thresholds = [parse_threshold(text) for text in fail_if if text != _MISSING]
    warn = partial(echo, err=True)
    matches = match(read_source(base, warn), read_source(new, warn), parse_pairs(pairs))
    if not matches.found:
        detail = "; ".join([*matches.missing, *matches.notes][:4])
        raise UsageError(
            f"{base} and {new} have no experiment in common: only seeds and versions may differ ({detail})"
        )
    for group in groups:
        errors.require("group", group, matches.groups())
    judged = judge(matches.found, with_thresholds(thresholds), groups or PARTS, level)
    reasons = [reason for experiment in matches.found if (reason := timings_differ_because(experiment)) is not None]
    untimed = [f"seconds not compared: {reason}" for reason in dict.fromkeys(reasons)]
    strange = [
        f"{module} is not varbench's and is not imported, so nothing is assumed about it: add "
        f"`--plugin {module}` if you trust it"
        for module in unnamed_modules(matches.found)
    ]
    reasons = list(matches.broken)
    if _MISSING in fail_if:
        reasons += [f"missing: {text}" for text in matches.missing]
    if (found := len(decided(judged, thresholds))) < require:
        reasons.append(_too_few(found, require, [one.name for one in thresholds]))
    report = Report(
        judged,
        violations(judged, thresholds),
        len(matches.found),
        [*matches.notes, *untimed, *_unjudged_timings(judged), *strange],
        matches.missing,
        reasons,
    )
    for note in (*report.missing, *report.notes):
        echo(line(note), err=True)
    if form == "text":
        echo(as_text(report))
    else:
        if form == "csv":
            echo(as_csv(report), nl=False)
        else:
            print_json(as_json(report))
        echo(report.summary(), err=True)
    for reason in report.reasons:
        echo(folded(line(f"fails: {reason}"), 2), err=True)
    echo(f"next: {_next(form, untimed)}", err=True)
    if report.fails:
        click.get_current_context().exit(1)


def _too_few(found: int, require: int, metrics: Sequence[str]) -> str:
    """Return that too few comparisons were judged."""
    of = f" of {' and '.join(dict.fromkeys(metrics))}" if metrics else ""
    if not found:
        return f"every comparison{of} is inconclusive: measure more, or with more seeds"
    return f"--require asks for {counted(require, 'judged comparison')}{of}, found {found}"


def _unjudged_timings(judged: "Sequence[Judged]") -> list[str]:
    """Return a sentence about timings of which nothing could be said; none where there are none."""
    count = sum(one.verdict == "inconclusive" and one.comparison.quantity.name == "seconds" for one in judged)
    of = counted(count, "experiment")
    return [f"seconds of {of} could not be judged: run each side in several invocations"] if count else []


def _next(form: str, untimed: list[str]) -> str:
    if form == "text":
        return "`--format csv` for every column" + (", `bench env` for this machine" if untimed else "")
    return "docs/compare.md says what each column means"
