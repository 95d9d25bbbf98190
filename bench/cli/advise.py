"""`bench advise`: which estimator should I use?"""

import time
from pathlib import Path
from typing import Literal

import click

from bench.cli.limits import Duration
from bench.cli.numbers import Whole
from bench.cli.output import FORMAT, print_json
from bench.cli.specs import SpecType
from bench.escaping import echo
from bench.names.selecting import ALL, Pattern
from bench.names.spec import Spec


@click.command(no_args_is_help=True)
@click.option("--task", type=SpecType("task"), required=True, help="Task that needs an estimator.")
@click.option(
    "--estimator",
    "estimators",
    type=SpecType("estimator", patterns=True),
    multiple=True,
    default=(ALL,),
    help="Candidate; repeatable. all, 'discrete:*' (a family) and 'reinforce*' select those that fit.  [default: all]",
)
@click.option(
    "--budget", type=Duration(), default="10m", show_default=True, help="How long it may take, such as 90, 10m or 2h."
)
@click.option(
    "--samples",
    type=Whole(1),
    help="Evaluations of the model per datapoint and gradient: each estimator gets the K that comes closest.  "
    "[default: the task's K, at least 4]",
)
@click.option("--seed", type=Whole(), default=0, show_default=True, help="Seed of parameters, draws and trainings.")
@click.option("--out", type=click.Path(path_type=Path), help="Results folder for the measurements.")
@FORMAT
def advise(
    task: Spec,
    estimators: tuple[Spec | Pattern, ...],
    budget: float,
    samples: int | None,
    seed: int,
    out: Path | None,
    form: Literal["text", "json"],
) -> None:
    """Say which estimator to use on a task.

    Every estimator that fits is measured at the same parameters, before and after a short training, by variance ×
    seconds with the same number of evaluations of the model. Clearly worse ones stop early; the three best, and a
    well-known one, are trained.

    \b
    bench advise --task sbn-tiny
    bench advise --task sbn-mnist --estimator 'discrete:*' --budget 20m
    bench advise --task vae-mnist --samples 8 --budget 1h --out results
    bench advise --task ppca --estimator mine:MyEstimator --estimator reparam
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    begun = time.monotonic()
    from bench.advise.advising import Advising
    from bench.advise.asking import question
    from bench.advise.findings import findings
    from bench.advise.report import next_command, text
    from bench.advise.told import Told

    with Told(budget, begun) as told:
        found = Advising(question(task, estimators, budget, samples, seed, out is not None), told.tell, begun)
        stopped: KeyboardInterrupt | None = None
        try:
            found.run()
        except KeyboardInterrupt as stop:
            if found.screening is None or not found.screening.looks:
                raise
            stopped = stop
    said = findings(found, stopped is not None)
    for one in said["refused"]:
        echo(f"skipped {one['estimator']}: {one['reason']}", err=True)
    if form == "json":
        print_json(said)
    else:
        echo(text(said))
    if out is not None:
        from bench.advise.kept import keep

        echo(f"{keep(found, out)}", err=True)
    echo(f"next: `{next_command(said)}`", err=True)
    if stopped is not None:
        raise stopped
