"""`bench check`: is each estimator's gradient right?"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click

from bench.cli.numbers import Finite, Whole
from bench.cli.output import finite, print_json
from bench.cli.specs import SpecType
from bench.errors import UsageError, in_utf8
from bench.escaping import echo
from bench.names.registry import ESTIMATORS
from bench.names.selecting import Pattern, select
from bench.names.spec import Spec


@click.command()
@click.argument("estimators", type=SpecType("estimator", patterns=True), nargs=-1, metavar="[ESTIMATOR]...")
@click.option("--task", "tasks", type=SpecType("task"), multiple=True, help="Task; repeatable.  [default: all]")
@click.option("--seed", type=Whole(), default=0, show_default=True, help="Seed of the draws.")
@click.option(
    "--tolerance",
    type=Finite(0, min_open=True),
    default=0.1,
    show_default=True,
    help="The relative bias that a pass excludes with 99% power.",
)
@click.option(
    "--budget",
    type=Finite(0, min_open=True),
    default=200.0,
    show_default=True,
    help="Approximate seconds for the whole run.",
)
@click.option("--jobs", type=click.IntRange(1), help="Checks at a time.  [default: one per core; 1 beside a GPU]")
@click.option(
    "--require",
    type=Whole(),
    default=1,
    show_default=True,
    help="Fail unless this many checks were judged, and one for each name given; 0 asks for nothing.",
)
@click.option("--strict", is_flag=True, help="Fail if anything is inconclusive, too.")
@click.option("--out", type=click.Path(path_type=Path), help="Results folder for the verdicts, as check.json.")
@click.option("-v", "--verbose", is_flag=True, help="Also list what does not apply, with the reason.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit"]),
    default="text",
    show_default=True,
    help="json is for programs, junit for CI.",
)
def check(
    estimators: tuple[Spec | Pattern, ...],
    tasks: tuple[Spec, ...],
    seed: int,
    tolerance: float,
    budget: float,
    jobs: int | None,
    require: int,
    strict: bool,
    out: Path | None,
    verbose: bool,
    form: Literal["text", "json", "junit"],
) -> None:
    """Test each ESTIMATOR (default: all) against the exact gradient, on every task that it fits and that has one.

    A pass means that a bias above the tolerance would have been detected; biased, that the mean gradient is not that
    of the declared target. An estimator's declarations are tested, too: latents, evaluations, zero variance, that
    nothing leaks into gradients where it does not belong, and that batching and numeric type make no difference.

    \b
    bench check
    bench check reinforce 'reinforce-ema(decay=0.5)' --task gaussian-quadratic
    bench check 'discrete:*'
    bench check mypackage.mymodule:MyEstimator

    Exit codes: 0 nothing is wrong; 1 something is biased or violated, or something asked for was not judged.
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    import torch

    from bench.check.collect import collect
    from bench.check.coverage import Demands, shortfalls
    from bench.check.junit import as_junit
    from bench.check.processes import can_fork
    from bench.check.report import Layout, advice, as_json, summary
    from bench.check.run import Settings, run_plan
    from bench.check.verdicts import Line
    from bench.results.checks import keep
    from bench.results.text import folded

    # A missing batching rule costs time; it is no news to the reader of a verdict.
    torch._C._functorch._set_vmap_fallback_warning_enabled(False)  # pyright: ignore[reportAttributeAccessIssue] - no stub
    start = time.perf_counter()
    if jobs is None:
        jobs = len(os.sched_getaffinity(0)) if can_fork() else 1
    elif jobs > 1 and not can_fork():
        raise UsageError("checks cannot run side by side here (not Linux, or a GPU); leave --jobs out")
    # The tensors are small: several threads for one of them cost more than they bring.
    torch.set_num_threads(1)
    settings = Settings(seed=seed, tolerance=tolerance, budget=budget, jobs=jobs)
    named = [
        spec
        for one in estimators
        for spec in ([Spec(name) for name in select(ESTIMATORS, one.text)] if isinstance(one, Pattern) else [one])
    ]
    plan = collect(named, tasks, jobs)
    layout = Layout(plan, verbose)
    if form == "text":
        echo(layout.header())
    lines: list[Line] = []
    for line in run_plan(plan, settings):
        lines.append(line)
        for text in layout.lines(line) if form == "text" else ():
            echo(text)
    seconds = time.perf_counter() - start
    asked = Demands(require, [spec.name for spec in named], [spec.name for spec in tasks], strict)
    missed = shortfalls(lines, asked)
    content = as_json(lines, settings, seconds, missed)
    if form == "json":
        print_json(content)
    elif form == "junit":
        echo(as_junit(lines, missed, strict, seconds))
    else:
        for text in filter(None, (layout.held_back(), summary(lines, settings, seconds, verbose))):
            echo(f"\n{text}")
    if out is not None:
        echo(keep(out, finite(content | _origin())), err=True)
    for sentence in missed:
        echo(folded(f"fails: {sentence}", 2), err=True)
    echo(f"next: {advice(lines)}", err=True)
    if missed or any(line.negative for line in lines):
        click.get_current_context().exit(1)


def _origin() -> dict[str, Any]:
    """Return what a file of verdicts says of where it comes from."""
    from bench.machine.info import software

    return {
        "version": software()["varbench"],
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["bench", *map(in_utf8, sys.argv[1:])],
    }
