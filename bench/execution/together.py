"""Which cells are trained in one step: those that differ in nothing but the seed, where that pays."""

import sys
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import torch

from bench.execution.cell import CellRun, Listener
from bench.execution.checkpoint import steps_taken
from bench.execution.meter import References
from bench.machine.device import DTYPES, find_device
from bench.machine.matmul import multiplied_by_onednn, onednn_pays
from bench.machine.streams import OwnStream
from bench.names.registry import TASKS
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell, cell_id
from bench.training.stack import Stack
from bench.training.trainer import Diverged
from tasks.base import Data

BatchSeeds = Literal["auto", "on", "off"]

_WORK: Final = 3_000_000
"""Parameters × datapoints × samples of a step up to which 16 seeds at once were at least twice as fast on a CPU."""

_WORK_OF_ONEDNN: Final = 100_000_000
"""The same where oneDNN multiplies: three seeds at once were 1.2 to 1.4 times as fast, 16 up to 1.7 times."""

_PARAMETERS: Final = 16_000_000
"""Of all seeds of a step on a CPU: with gradients and moments 0.4 GB in float32."""


def companions(cells: Sequence[Cell], mode: BatchSeeds) -> list[list[Cell]]:
    """Return the cells in groups to train in one step, in the order of their first cells.

    Args:
        cells: what is to be run.
        mode: `auto` trains seeds together on a GPU, and on a CPU where the step is small enough for that to pay.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        identity = {key: value for key, value in cell.identity().items() if key != "seed"}
        groups.setdefault(cell_id(identity), []).append(cell)
    found: list[list[Cell]] = []
    for group in groups.values():
        most = most_together(group[0], mode) if len(group) > 1 else 1
        found += [group[start : start + most] for start in range(0, len(group), most)]
    return sorted(found, key=lambda group: cells.index(group[0]))


def most_together(cell: Cell, mode: BatchSeeds) -> int:
    """Return how many seeds of a cell's configuration are trained in one step, at most; on a GPU its memory decides."""
    if mode == "off" or cell.training.steps == 0:
        return 1
    if cell.device == "cuda":
        return sys.maxsize
    with torch.random.fork_rng([]):
        task = TASKS.build(cell.task_spec).to(DTYPES[cell.dtype])
    parameters = sum(value.numel() for value in task.parameters())
    rows = cell.training.batch_size * cell.samples
    if mode == "auto" and parameters * rows > (_WORK_OF_ONEDNN if onednn_pays(task, rows) else _WORK):
        return 1
    return max(1, _PARAMETERS // parameters)


def at_the_same_step(cells: Sequence[Cell], store: Store) -> list[list[Cell]]:
    """Return cells in groups whose checkpoints, after an interrupted run, have got equally far."""
    groups: dict[int, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(steps_taken(store.checkpoint_path(cell)), []).append(cell)
    return list(groups.values())


def run_together(
    cells: Sequence[Cell], data: Data, store: Store, run: str, listeners: Sequence[Listener], references: References
) -> Iterator[Record]:
    """Run cells that differ in their seed alone, trained in one step, to their ends; give their records as written.

    Measurement and evaluation are those of each cell alone. A training that diverges is recorded as such, and the
    others go on.

    Raises:
        NotBatchable: their step cannot be taken for all at once.
        OutOfMemoryError: there are too many of them for the device.
    """
    device = find_device(cells[0].device)
    # Once for all: each would move its own copy.
    data = data.to(device)
    runs = [
        CellRun(cell, data, store, run, listener, references, OwnStream(device, cell.seed, "training"))
        for cell, listener in zip(cells, listeners, strict=True)
    ]
    with multiplied_by_onednn(runs[0].onednn):
        yield from _to_their_ends(runs)


def _to_their_ends(runs: Sequence[CellRun]) -> Iterator[Record]:
    for one in runs:
        one.restore()
    stack = Stack([one.trainer for one in runs])
    for stop in runs[0].stops:
        for step in stack.run(stop):
            active = [runs[place] for place in stack.active]
            for one in active:
                one.show_training(step)
            if any(one.checkpoint.due for one in active):
                # All at once, so that they continue as companions.
                for one in active:
                    one.checkpoint.save()
        for place in stack.active:
            try:
                runs[place].arrive(stop)
            except Diverged as reason:
                stack.drop(place, reason)
    for place, one in enumerate(runs):
        if place not in stack.diverged:
            stack.release(place)
            try:
                one.measure_shared()
            except Diverged as reason:
                stack.diverged[place] = reason
        one.progress.notes += _notes(len(runs), stack.plain_reason)
        yield one.finish(stack.diverged.get(place))


def _notes(count: int, plain_reason: str | None) -> list[str]:
    notes = [f"{count} seeds trained in one step, whose time is shared among them"] if count > 1 else []
    return notes + ([f"no CUDA graph of the training step: {plain_reason}"] if plain_reason else [])
