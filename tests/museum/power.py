"""How often `bench check` catches each exhibit, and how often it accuses a correct estimator. Run by hand:

python -m tests.museum.power bugs --seeds 200
python -m tests.museum.power alarms --seeds 100 --level 0.001
"""

import dataclasses
import time
from collections import Counter
from statistics import median

import click
import torch

from bench.check.collect import collect
from bench.check.gradient import GradientCheck
from bench.check.plan import Plan
from bench.check.run import Settings, run_plan
from bench.check.verdicts import FALSE_ALARM
from tests.museum.exhibits import BIASED

_TESTS_IN_A_RUN = 5000
"""A full run tests about this many means: an exhibit is judged at the level that it would have there."""


def _gradients_only(plan: Plan) -> Plan:
    checks = {
        name: [check for check in checks if isinstance(check, GradientCheck)] for name, checks in plan.checks.items()
    }
    return dataclasses.replace(plan, checks=checks, lines=[])


@click.group()
def main() -> None:
    """Measure power and false alarms of `bench check`."""
    torch.set_num_threads(1)


@main.command()
@click.option("--seeds", default=200, show_default=True)
@click.option("--first", default=0, show_default=True, help="The first of the seeds.")
@click.option("--only", default="", help="Exhibits whose name contains this.")
def bugs(seeds: int, first: int, only: str) -> None:
    """Print how often each exhibit is called biased on its first task."""
    click.echo("| bug | task | caught | replicates, median | seconds, median |\n|---|---|---|---|---|")
    for exhibit in BIASED:
        if only not in exhibit.name:
            continue
        plan = _gradients_only(collect([exhibit.broken], exhibit.tasks[:1]))
        level = FALSE_ALARM * plan.tests / _TESTS_IN_A_RUN
        lines = [
            line
            for seed in range(first, first + seeds)
            for line in run_plan(plan, Settings(seed=seed, budget=20.0, false_alarm=level))
        ]
        caught = sum(line.negative for line in lines)
        replicates = median(line.replicates or 0 for line in lines)
        seconds = median(line.seconds for line in lines)
        task = exhibit.tasks[0].rpartition(":")[2]
        name = exhibit.name.replace("|", "\\|")
        click.echo(f"| {name} | {task} | {caught}/{seeds} | {replicates:,.0f} | {seconds:.2f} |")


@main.command()
@click.option("--seeds", default=100, show_default=True)
@click.option("--estimator", "estimators", multiple=True, help="Repeatable.  [default: all]")
@click.option("--level", default=FALSE_ALARM, show_default=True, help="The false-alarm probability of a run.")
@click.option("--tolerance", default=0.3, show_default=True, help="A large one stops early, where tails are worst.")
def alarms(seeds: int, estimators: tuple[str, ...], level: float, tolerance: float) -> None:
    """Print in how many runs over the estimators and all tasks something was called biased or violated."""
    plan = collect(estimators)
    start = time.perf_counter()
    accused, unconfirmed, checks = 0, 0, 0
    verdicts: Counter[str] = Counter()
    for seed in range(seeds):
        lines = list(run_plan(plan, Settings(seed, tolerance, 600.0, level)))
        lines = [line for line in lines if line.samples]
        accused += any(line.negative for line in lines)
        unconfirmed += any("not confirmed" in line.detail for line in lines)
        checks += len(lines)
        verdicts.update(line.verdict for line in lines)
        for line in lines:
            if line.negative:
                click.echo(f"seed {seed}: {line.estimator} on {line.subject}: {line.verdict}: {line.detail}", err=True)
    click.echo(
        f"{seeds} runs of {checks // seeds} checks at level {level:g}: {accused} with a negative verdict, "
        f"{unconfirmed} with an alarm that fresh draws did not confirm; {dict(verdicts)}; "
        f"{time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
