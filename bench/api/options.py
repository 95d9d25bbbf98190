"""Options of `bench run` as keyword arguments: their values, the blocks of cells that they ask for, and the command."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import click
import numpy as np

from bench.api.specs import spec_text
from bench.cli.blocks import blocks_with
from bench.cli.config import as_written, value_of, written_in
from bench.cli.run import run as command
from bench.errors import UsageError, did_you_mean
from bench.names.registry import ESTIMATORS, TASKS

if TYPE_CHECKING:
    from bench.execution.block import Block

Numbers = int | str | Sequence[int]
Names = str | Sequence[str]
Steps = float | Sequence[float]


class Options(TypedDict, total=False):
    """What `varbench.run` takes besides tasks, estimators, samples, seeds and folder; `bench run --help` says what for.

    An option that may be repeated takes a value or a list of them; None is as good as leaving it out.
    """

    steps: int | None
    batch_size: int | Sequence[int] | None
    optimizer: Names | None
    model_lr: Steps | None
    guide_lr: Steps | None
    schedule: Names | None
    model_schedule: Names | None
    guide_schedule: Names | None
    learning: Names | None
    kl_warmup: Names | None
    clip_norm: Steps | None
    validation: float | None
    no_train: bool | None
    replicates: int | None
    precision: float | None
    checkpoints: int | None
    evaluation_samples: int | None
    at: Literal["own", "shared"] | None
    device: Literal["cpu", "cuda"] | None
    batch_seeds: Literal["auto", "on", "off"] | None
    tf32: bool | None
    dtype: Literal["float32", "float64"] | None
    rerun: Literal["failed", "stale", "all"] | None
    wait: bool | None
    jobs: int | None
    executor: Literal["local", "dask", "submitit"] | None
    dask: str | None
    slurm: Names | None
    shard: str | None
    time_limit: float | str | None
    memory_limit: str | None
    plot: bool | None
    report: bool | None
    preset: Literal["smoke", "quick", "paper"] | None
    config: Path | str | Mapping[str, Any] | None


_REGISTRIES: Final = {"tasks": TASKS, "estimators": ESTIMATORS}
_SHOWN: Final = "dry_run"
"""The option of the command that is a function of its own here."""
_SAID: Final = "quiet"
"""The one that says what is printed, which the command has once it was used."""


def asked_for(given: Mapping[str, Any]) -> "tuple[dict[str, Any], list[Block], tuple[str, ...]]":
    """Return how cells are to be run, by parameter, the blocks that say which, and the command that does the same.

    Args:
        given: values by the name of the option with underscores; None is as good as leaving one out. `config` may be
            what the file says.

    Raises:
        UsageError: there is no such option, a value is none that it takes, or they do not go together.
    """
    ctx = command.make_context("run", [], resilient_parsing=True)
    parameters = {str(one.name): one for one in command.params if isinstance(one, click.Option)}
    known = [name for name in parameters if name not in (_SHOWN, _SAID)]
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in known:
            raise UsageError(f"varbench.run has no option '{name}'{_instead(name, known)}")
    config = given.pop("config", {})
    plain = {name: _plain(name, value) for name, value in given.items()}
    values = {name: value_of(ctx, parameters[name], value, f"varbench.run: {name}") for name, value in plain.items()}
    defaults = {name: value for name, value in ctx.params.items() if name not in ("config", _SAID)}
    is_file = not isinstance(config, Mapping)
    content = written_in(Path(config)) if is_file else config
    how, blocks = blocks_with(ctx, defaults, values, content, f"config {config}" if is_file else "config")
    if content and not is_file:
        # No command line says as much.
        return how, blocks, ("varbench", "varbench.run")
    words = [word for name, value in plain.items() for word in _words(parameters[name], value)]
    return how, blocks, ("bench", "run", *words, *(["--config", str(config)] if is_file else []))


def _instead(name: str, known: Sequence[str]) -> str:
    if name == _SHOWN:
        return ": varbench.dry_run(...) returns what would run"
    return did_you_mean(name, known) or "; `bench run --help` has them all, with dashes for underscores"


def _plain(name: str, value: Any) -> Any:
    """Return a value as TOML would have it: plain numbers, lists, and texts for what has a name."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if name in _REGISTRIES:
        several = value if isinstance(value, list | tuple) else [value]
        return [spec_text(_REGISTRIES[name], one) for one in several]
    if isinstance(value, tuple | range | set | frozenset | list):
        return [_plain("", one) for one in value]
    return value


def _words(parameter: click.Option, value: Any) -> Iterator[str]:
    """Give the words of a command line that give an option a value."""
    name, written = parameter.opts[0], as_written(parameter, value)
    if parameter.is_flag:
        off = parameter.secondary_opts
        yield from [name] if written else off[:1]
        return
    for one in written if isinstance(written, list) else [written]:
        yield from (name, one)
