"""`bench run`: train, measure and evaluate estimators on tasks."""

from pathlib import Path
from typing import Any, Final

import click

from bench.cli import completion
from bench.cli.config import with_config
from bench.cli.numbers import Finite, Numbers, Whole
from bench.cli.specs import SpecType
from bench.errors import UsageError

_OPTIONS = [
    click.option("--task", "tasks", type=SpecType("task"), multiple=True, help="Task; repeatable."),
    click.option("--estimator", "estimators", type=SpecType("estimator"), multiple=True, help="Estimator; repeatable."),
    click.option("--samples", type=Numbers(), help="Samples K per datapoint, as 1,5,50.  [default: the task's]"),
    click.option("--seeds", type=Numbers(), default=(0,), show_default="0", help="Training seeds, as 0-4."),
    click.option("--steps", type=Whole(), help="Training steps.  [default: the task's]"),
    click.option("--batch-size", type=Whole(1), help="Datapoints per step.  [default: the task's]"),
    click.option("--optimizer", type=click.Choice(["adam", "sgd"]), help="[default: the task's]"),
    click.option("--model-lr", type=Finite(0), help="Step size ρ of θ.  [default: the task's]"),
    click.option("--guide-lr", type=Finite(0), help="Step size η of φ.  [default: the task's]"),
    click.option(
        "--schedule",
        shell_complete=completion.schedules,
        help="constant, robbins-monro(power=, delay=) or staged(stages=, growth=).",
    ),
    click.option("--model-schedule", shell_complete=completion.schedules, help="The same, of ρ alone."),
    click.option("--guide-schedule", shell_complete=completion.schedules, help="The same, of η alone."),
    click.option(
        "--learning",
        shell_complete=completion.ways_of_learning,
        default="joint",
        show_default=True,
        help="joint, or em(guide_steps=5, model_steps=1): variational EM, φ and θ in turn.",
    ),
    click.option("--no-train", is_flag=True, help="Measure and evaluate the initial parameters: --steps 0."),
    click.option("--replicates", type=Whole(40), help="Measure exactly this many gradients."),
    click.option(
        "--precision",
        type=Finite(0, min_open=True),
        help="Measure until the variance is known to ± this share.  [default: 0.05, or a cap]",
    ),
    click.option("--checkpoints", type=Whole(1), help="Steps to measure at, log-spaced.  [default: the task's]"),
    click.option("--evaluation-samples", type=Whole(1), help="K of the final log-likelihood bound."),
    click.option(
        "--at",
        type=click.Choice(["own", "shared"]),
        help="Measure along each estimator's own training, or at common parameters.  [default: shared for several]",
    ),
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
    click.option(
        "--batch-seeds",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Train all seeds in one step; auto: on a GPU, and on a CPU where that pays.",
    ),
    click.option(
        "--tf32/--no-tf32", default=False, show_default=True, help="Let a GPU round float32 products to TF32: faster."
    ),
    click.option("--dtype", type=click.Choice(["float32", "float64"]), help="[default: the task's]"),
    click.option(
        "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Results folder."
    ),
    click.option("--rerun", type=click.Choice(["failed", "stale", "all"]), help="Run finished cells again."),
    click.option(
        "--wait/--no-wait",
        default=True,
        help="What to do about cells that another process runs: wait for it, or exit with 6.  [default: wait]",
    ),
    click.option("--dry-run", is_flag=True, help="Say what would run, and why, and stop."),
    click.option("--plot", is_flag=True, help="Draw the figure that fits, into figures/ of the results folder."),
    click.option("--config", type=click.Path(path_type=Path), help="Options from a TOML file; the command line wins."),
]

_RIVALS: Final = {
    "steps": ("no_train",),
    "no_train": ("steps",),
    "replicates": ("precision",),
    "precision": ("replicates",),
    **dict.fromkeys(
        ("optimizer", "model_lr", "schedule", "model_schedule", "guide_schedule", "learning", "checkpoints", "at"),
        ("no_train",),
    ),
}
"""By an option, those beside which it has nothing to do."""


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(no_args_is_help=True)
@_with_options
@click.pass_context
def run(ctx: click.Context, /, **options: Any) -> None:
    """Train, measure and evaluate estimators on tasks.

    Every combination of tasks, estimators, samples and seeds is a cell. Finished cells are not run again, and an
    interrupted one continues where it was.

    \b
    bench run --task vae-mnist --estimator reinforce
    bench run --task vae-mnist --estimator reinforce --estimator reparam --samples 5 --seeds 0-4
    bench run --task 'gaussian-quadratic(k=2)' --estimator reinforce --no-train
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    config = options.pop("config")
    if config is not None:
        options = _without_overruled(ctx, with_config(ctx, options, config))
    if not options["tasks"] or not options["estimators"]:
        missing = "--task" if not options["tasks"] else "--estimator"
        raise UsageError(f"name at least one {missing}; `bench list` shows them")
    from bench.execution.invocation import Asked, execute
    from bench.execution.plan import Request

    steps = _steps(options.pop("no_train"), options["steps"])
    names = ("out", "rerun", "dry_run", "plot", "batch_seeds", "wait")
    asked = Asked(**{name: options.pop(name) for name in names})
    execute(Request(**{**options, "steps": steps}), asked)


def _steps(no_train: bool, steps: int | None) -> int | None:
    if no_train and steps:
        raise UsageError(f"--no-train trains nothing, and --steps {steps} does: give one of the two")
    return 0 if no_train else steps


def _without_overruled(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Return options without those of a file to which one of the command line leaves nothing to do."""

    def is_on_command_line(name: str) -> bool:
        return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE

    overruled = {
        name for name, over in _RIVALS.items() if not is_on_command_line(name) and any(map(is_on_command_line, over))
    }
    # What is not on the command line has its default there.
    return {name: ctx.params[name] if name in overruled else value for name, value in options.items()}
