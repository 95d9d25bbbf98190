"""`bench check`: is each estimator's gradient right?"""

import os
import time
from typing import Literal

import click

from bench.cli.numbers import Finite, Whole
from bench.cli.output import FORMAT, print_json
from bench.cli.specs import SpecType
from bench.errors import UsageError
from bench.escaping import echo
from bench.names.spec import Spec


@click.command()
@click.argument("estimators", type=SpecType("estimator"), nargs=-1, metavar="[ESTIMATOR]...")
@click.option("--task", "tasks", type=SpecType("task"), multiple=True, help="Task; repeatable.  [default: all]")
@click.option("--seed", type=Whole(), default=0, show_default=True, help="Of the draws.")
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
    help="Seconds for the whole run, about.",
)
@click.option("--jobs", type=click.IntRange(1), help="Checks at a time.  [default: one per core; 1 beside a GPU]")
@click.option("-v", "--verbose", is_flag=True, help="List what does not apply, too, with the reason.")
@FORMAT
def check(
    estimators: tuple[Spec, ...],
    tasks: tuple[Spec, ...],
    seed: int,
    tolerance: float,
    budget: float,
    jobs: int | None,
    verbose: bool,
    form: Literal["text", "json"],
) -> None:
    """Test each ESTIMATOR (all, unless named) against the exact gradient on every task that has one and that it fits.

    A pass means that a bias above the tolerance would have been seen; biased, that the mean gradient is not that of the
    declared target. What an estimator declares is tested too: latents, evaluations, zero variance, that nothing leaks
    into gradients where it does not belong, that batching and numeric type do not matter.

    \b
    bench check
    bench check reinforce 'reinforce-ema(decay=0.5)' --task gaussian-quadratic
    bench check mypackage.mymodule:MyEstimator

    Exit codes: 0 nothing is wrong; 1 something is biased or violated.
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    import torch

    from bench.check.collect import collect
    from bench.check.report import Layout, advice, as_json, summary
    from bench.check.run import Settings, can_fork, run_plan

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
    plan = collect(estimators, tasks)
    if form == "json":
        lines = list(run_plan(plan, settings))
        print_json(as_json(lines, settings, time.perf_counter() - start))
    else:
        lines, layout = [], Layout(plan, verbose)
        echo(layout.header())
        for line in run_plan(plan, settings):
            lines.append(line)
            for text in layout.lines(line):
                echo(text)
        for text in filter(None, (layout.held_back(), summary(lines, settings, time.perf_counter() - start))):
            echo(f"\n{text}")
    echo(f"next: {advice(lines)}", err=True)
    if any(line.negative for line in lines):
        click.get_current_context().exit(1)
