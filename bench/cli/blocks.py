"""What `bench run` is asked for: its options, and those of a file, as blocks of a grid."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from bench.cli.config import Keys, Written, read, written_in
from bench.cli.layers import layered, without_overruled
from bench.errors import UsageError
from bench.execution.block import AXES, Block

_HOW: Final = (
    *("out", "rerun", "wait", "dry_run", "plot", "report", "batch_seeds", "time_limit", "memory_limit"),
    *("jobs", "shard", "executor", "dask", "slurm"),
)
"""Parameters that say how cells are run, and not which."""

_ONCE: Final = (*_HOW, "device", "tf32")
"""Parameters that are of a whole invocation; the others may differ from block to block."""


def blocks_of(ctx: click.Context, options: Mapping[str, Any], file: Path | None) -> tuple[dict[str, Any], list[Block]]:
    """Return how cells are to be run, by parameter, and the blocks that say which.

    Args:
        ctx: of the command.
        options: its parameters, `config` left out.
        file: `--config`.

    Raises:
        UsageError: the file cannot be read, or it or the command line has something wrong in it.
    """
    command_line = {name: value for name, value in options.items() if _is_given(ctx, name)}
    content = {} if file is None else written_in(file)
    return blocks_with(ctx, options, command_line, content, f"--config {file}")


def blocks_with(
    ctx: click.Context,
    defaults: Mapping[str, Any],
    given: Mapping[str, Any],
    content: Mapping[str, Any],
    place: str = "config",
) -> tuple[dict[str, Any], list[Block]]:
    """Return what `blocks_of` returns, however the options were given.

    Args:
        ctx: of the command.
        defaults: its parameters, `config` left out, as they are where nothing is given; of those in `given`, any value.
        given: parameters that win over all others.
        content: what `--config` says, as TOML has it.
        place: what a message calls that.
    """
    top, blocks = read(ctx, content, place, _keys(ctx, defaults)) if content else (Written(), [])
    found = [_block(ctx, defaults, written, given) for written in ([top, block] for block in blocks or [Written()])]
    asked = layered([defaults, top.options, given])
    return {name: asked[name] for name in _HOW}, found


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _keys(ctx: click.Context, options: Mapping[str, Any]) -> Keys:
    known = {
        one.opts[0].removeprefix("--"): one
        for one in ctx.command.params
        if isinstance(one, click.Option) and one.name in options
    }
    return Keys(
        {key: one for key, one in known.items() if one.name in _ONCE},
        {key: one for key, one in known.items() if one.name not in _ONCE},
        {key: one for key, one in known.items() if one.name in (*AXES, "samples")},
    )


def _block(
    ctx: click.Context, options: Mapping[str, Any], written: Sequence[Written], command_line: Mapping[str, Any]
) -> Block:
    """Return a block: what a file says at its top, then there, then the command line; the last of them wins."""
    # What is not on the command line has its default there, which is the least.
    defaults = {name: value for name, value in options.items() if name not in command_line}
    given = layered([*(one.options for one in written), command_line])
    asked = {**defaults, **given}
    own: dict[str, dict[str, Any]] = {}
    overruling = {**command_line, "no_train": asked["no_train"]}
    for one in written:
        for name, settings in one.own.items():
            own[name] = {**own.get(name, {}), **without_overruled(settings, overruling)}
    if not asked["estimators"]:
        # Where none are named, those are meant that have something of their own.
        (parameter,) = (one for one in ctx.command.params if one.name == "estimators")
        asked["estimators"] = parameter.type_cast_value(ctx, list(own))
    for name in ("tasks", "estimators"):
        if not asked[name]:
            raise UsageError(f"name at least one --{name.removesuffix('s')}; `bench list` shows them")
    settings = {name: value for name, value in asked.items() if name not in (*_HOW, "estimators", "no_train", "preset")}
    settings["steps"] = _steps(asked["no_train"], asked["steps"])
    excluded = [rule for one in written for rule in one.exclude]
    return Block(asked["estimators"], settings, own, excluded)


def _steps(no_train: bool, steps: int | None) -> int | None:
    if no_train and steps:
        raise UsageError(f"--no-train trains nothing, but --steps {steps} does: give only one of them")
    return 0 if no_train else steps


def doubts(blocks: Sequence[Block]) -> Iterator[str]:
    """Give a sentence for each thing in blocks that is allowed, and perhaps not meant."""
    idle = [set(block.idle) for block in blocks]
    for name in dict.fromkeys(name for block in blocks for name in block.own):
        if all(name in of_block or name not in block.own for of_block, block in zip(idle, blocks, strict=True)):
            yield f'[estimator."{name}"] matches no estimator of this run'
    apart = dict.fromkeys(name for block in blocks if block.is_compared for name in block.apart)
    if apart:
        yield (
            f"{', '.join(apart)}: trained with its own settings, and so measured along its own reference trajectory, "
            f"not at the parameters of the others; `--at own` measures each along its own training"
        )
