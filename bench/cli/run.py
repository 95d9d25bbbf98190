"""`bench run`: train, measure and evaluate estimators on tasks."""

from pathlib import Path
from typing import Any

import click

from bench.cli import completion
from bench.cli.blocks import blocks_of, doubts
from bench.cli.importing import importing
from bench.cli.limits import Bytes, Duration
from bench.cli.numbers import Finite, Numbers, Whole
from bench.cli.parts import Setting, ShardType
from bench.cli.presets import PRESETS, spelled_out
from bench.cli.specs import SpecType
from bench.escaping import echo
from bench.execution.engines import ancestor

_OPTIONS = [
    click.option("--task", "tasks", type=SpecType("task"), multiple=True, help="Task; repeatable."),
    click.option(
        "--estimator",
        "estimators",
        type=SpecType("estimator", patterns=True),
        multiple=True,
        help="Estimator; repeatable. all, 'discrete:*' (a family) and 'reinforce*' select those that fit.",
    ),
    click.option("--samples", type=Numbers(), help="Samples K per datapoint, such as 1,5,50.  [default: the task's]"),
    click.option("--seeds", type=Numbers(), default=(0,), show_default="0", help="Training seeds, such as 0-4."),
    click.option("--steps", type=Whole(), help="Training steps.  [default: the task's]"),
    click.option(
        "--batch-size", type=Whole(1), multiple=True, help="Datapoints per step; repeatable.  [default: the task's]"
    ),
    click.option(
        "--optimizer",
        multiple=True,
        shell_complete=completion.optimizers,
        help="adam, sgd(momentum=, nesterov=) or rmsprop(alpha=, momentum=); repeatable.  [default: the task's]",
    ),
    click.option(
        "--model-lr", type=Finite(0), multiple=True, help="Step size ρ of θ; repeatable.  [default: the task's]"
    ),
    click.option(
        "--guide-lr", type=Finite(0), multiple=True, help="Step size η of φ; repeatable.  [default: the task's]"
    ),
    click.option(
        "--schedule",
        multiple=True,
        shell_complete=completion.schedules,
        help="constant, robbins-monro(power=, delay=), staged(stages=, growth=), cosine(floor=), exponential(decay=) "
        "or warmup(steps=, then=cosine); repeatable.",
    ),
    click.option(
        "--model-schedule", multiple=True, shell_complete=completion.schedules, help="The same for ρ alone; repeatable."
    ),
    click.option(
        "--guide-schedule", multiple=True, shell_complete=completion.schedules, help="The same for η alone; repeatable."
    ),
    click.option(
        "--learning",
        multiple=True,
        shell_complete=completion.ways_of_learning,
        default=("joint",),
        help="joint, or em(guide_steps=5, model_steps=1): variational EM; repeatable.  [default: joint]",
    ),
    click.option(
        "--kl-warmup",
        multiple=True,
        shell_complete=completion.weights,
        help="Let the weight of the divergence rise to 1 over a number of steps, such as 1000, or a share of training, "
        "such as 0.2; linear(steps=, start=), cyclical(cycles=, share=) or none; repeatable.  [default: none]",
    ),
    click.option(
        "--clip-norm",
        type=Finite(0),
        multiple=True,
        help="Scale gradients of φ and θ together down to this norm, which biases them; 0: do not; repeatable.  "
        "[default: 0]",
    ),
    click.option(
        "--validation",
        type=Finite(0, 1, max_open=True),
        help="Share of the training rows to hold back, for `bench table --select`.  [default: 0]",
    ),
    click.option("--no-train", is_flag=True, help="Measure and evaluate the initial parameters: --steps 0."),
    click.option("--replicates", type=Whole(40), help="Measure exactly this many gradients."),
    click.option(
        "--precision",
        type=Finite(0, min_open=True),
        help="Measure until the variance is known to ± this share.  [default: 0.05, up to the task's cap]",
    ),
    click.option("--checkpoints", type=Whole(1), help="Steps to measure at, log-spaced.  [default: the task's]"),
    click.option("--evaluation-samples", type=Whole(1), help="K of the final log-likelihood bound."),
    click.option(
        "--at",
        type=click.Choice(["own", "shared"]),
        help="Measure along each estimator's own training, or all at the same parameters.  [default: shared for "
        "several]",
    ),
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
    click.option(
        "--batch-seeds",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Train all seeds in one step; auto: on a GPU, and on a CPU if it saves time.",
    ),
    click.option(
        "--tf32/--no-tf32",
        default=False,
        show_default=True,
        help="Let a GPU round float32 products to TF32, which is faster.",
    ),
    click.option("--dtype", type=click.Choice(["float32", "float64"]), help="[default: the task's]"),
    click.option(
        "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Results folder."
    ),
    click.option("--rerun", type=click.Choice(["failed", "stale", "all"]), help="Run finished cells again."),
    click.option(
        "--wait/--no-wait",
        default=True,
        help="If another process is running a cell: wait for it, or exit with 6.  [default: wait]",
    ),
    click.option(
        "--jobs",
        type=Whole(1),
        help="How many cells, or groups of seeds trained together, to run at a time.  [default: 1]",
    ),
    click.option(
        "--executor",
        type=click.Choice(["local", "dask", "submitit"]),
        default="local",
        show_default=True,
        help="Where cells run: in processes on this machine, on a Dask cluster, or on SLURM.",
    ),
    click.option("--dask", metavar="ADDRESS", help="Scheduler of the Dask cluster.  [default: one on this machine]"),
    click.option(
        "--slurm",
        type=Setting(),
        multiple=True,
        help="An option for SLURM, such as partition=gpu or time=240; repeatable.",
    ),
    click.option("--shard", type=ShardType(), help="Run one part of all cells, such as 1/4 to 4/4 on four machines."),
    click.option(
        "--time-limit",
        type=Duration(),
        help="Stop a cell that takes longer than this, such as 90, 10m or 2h; with a higher limit it continues.",
    ),
    click.option(
        "--memory-limit",
        type=Bytes(),
        help="Stop a cell that needs more than this, such as 4GB, on top of what its process has at the start; "
        "likewise.",
    ),
    click.option("--dry-run", is_flag=True, help="Say what would run, and why, and stop."),
    click.option("--plot", is_flag=True, help="Draw the figure that fits, into figures/ of the results folder."),
    click.option("--report", is_flag=True, help="Write report.html into the results folder; see `bench report`."),
    click.option(
        "--preset",
        type=click.Choice([*PRESETS]),
        help="; ".join(f"{name}: {spelled_out(name)}" for name in PRESETS) + ". Options given beside it win.",
    ),
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Options, or grids of them, from a TOML file; the command line wins.",
    ),
]


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(no_args_is_help=True)
@_with_options
@click.pass_context
def run(ctx: click.Context, /, **options: Any) -> None:
    """Train, measure and evaluate estimators on tasks.

    Every combination of tasks, estimators, samples, seeds and values of repeatable settings is a cell. Finished cells
    are not run again, and an interrupted one continues where it was.

    \b
    bench run --task vae-mnist --estimator reinforce
    bench run --task ppca --estimator reparam --samples 1,5 --seeds 0-4
    bench run --task sbn-tiny --estimator 'discrete:*' --preset smoke
    bench run --config sweep.toml --dry-run
    bench run --task 'gaussian-quadratic(k=2)' --estimator reinforce --no-train
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    how, blocks = blocks_of(ctx, options, options.pop("config"))
    for doubt in doubts(blocks):
        echo(f"warning: {doubt}", err=True)
    if how["executor"] == "local" and (how["jobs"] or 1) > 1 and not how["dry_run"]:
        # Before torch is imported here: its workers import it meanwhile.
        ancestor.begin(how["jobs"])
    with importing():
        from bench.execution.invocation import Asked, execute_all

    execute_all([request for block in blocks for request in block.requests()], Asked(**how))
