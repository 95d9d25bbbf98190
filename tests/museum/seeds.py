"""Whether right estimators stay unaccused, and the museum's bugs are found, over many seeds. Run by hand:

python -m tests.museum.seeds --seeds 100
"""

import time
from collections import Counter
from typing import Final

import click
import torch

from bench.check.collect import collect
from bench.check.run import Settings, run_plan
from bench.check.verdicts import FALSE_ALARM
from tests.museum.exhibits import ELSEWHERE

NAMED: Final = (
    *("naive-mc", "reinforce", "reinforce-ema", "reinforce-loo", "reparam", "stl", "iwae", "dreg", "enumerate"),
    *("disarm", "double-cv", "vimco", "measure-valued", "rebar"),
)
"""The estimators whose false alarms docs/check.md counts."""


@click.command()
@click.option("--seeds", default=100, show_default=True)
@click.option("--first", default=0, show_default=True, help="The first of the seeds.")
@click.option("--estimator", "estimators", multiple=True, help="Repeatable.  [default: those of docs/check.md]")
@click.option("--task", "where", multiple=True, help="Of those; repeatable.  [default: all]")
@click.option("--bugs/--no-bugs", default=True, show_default=True, help="Whether bugs are looked for, too.")
@click.option("--tolerance", default=1.0, show_default=True, help="A large one stops early, where tails are worst.")
def main(
    seeds: int, first: int, estimators: tuple[str, ...], where: tuple[str, ...], bugs: bool, tolerance: float
) -> None:
    """Print in how many runs something right was accused, and how often each bug that shows elsewhere was found."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    twins = sorted({exhibit.twin for exhibit in ELSEWHERE})
    tasks = sorted({task for exhibit in ELSEWHERE for task in exhibit.tasks})
    plans = {"named": collect(estimators or NAMED, where), "right twins": collect(twins, tasks)}
    accused: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for seed in range(first, first + seeds):
        settings = Settings(seed, tolerance, 600.0, FALSE_ALARM)
        for what, plan in plans.items():
            lines = [line for line in run_plan(plan, settings) if line.samples]
            checks[what] += len(lines)
            accused[what] += any(line.negative for line in lines)
            for line in lines:
                if line.negative:
                    text = f"seed {seed}: {line.estimator} on {line.subject}: {line.verdict}: {line.detail}"
                    click.echo(text, err=True)
        for exhibit in ELSEWHERE if bugs else ():
            lines = run_plan(collect([exhibit.broken], exhibit.tasks), settings)
            found[exhibit.name] += any(line.negative for line in lines)
    for what in plans:
        click.echo(f"{what}: {accused[what]} of {seeds} runs with a negative verdict, {checks[what]} checks")
    for name, times in found.items():
        click.echo(f"{name}: found in {times} of {seeds} runs")
    click.echo(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
