"""Which cells are trained in one step: those that differ in nothing but the seed, where that pays."""

import sys
from collections.abc import Sequence
from typing import Final, Literal

from bench.execution.checkpoint import steps_taken
from bench.machine.device import CPU, DTYPES
from bench.machine.files import open_files
from bench.machine.matmul import onednn_pays
from bench.machine.streams import seeded
from bench.names.building import build_task
from bench.results.store import Store
from bench.settings import Cell

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
    places: dict[str, int] = {}
    for place, cell in enumerate(cells):
        groups.setdefault(cell.configuration, []).append(cell)
        places[cell.id] = place
    found: list[list[Cell]] = []
    for group in groups.values():
        # Each cell's lock is a file that stays open while it runs; data and libraries need some, too.
        most = min(most_together(group[0], mode), max(1, open_files() // 2)) if len(group) > 1 else 1
        found += [group[start : start + most] for start in range(0, len(group), most)]
    return sorted(found, key=lambda group: places[group[0].id])


def most_together(cell: Cell, mode: BatchSeeds) -> int:
    """Return how many seeds of a cell's configuration are trained in one step, at most; on a GPU its memory decides."""
    if mode == "off" or cell.training.steps == 0:
        return 1
    if cell.device == "cuda":
        return sys.maxsize
    with seeded(CPU, "probe"):
        task = build_task(cell.task_spec, dtype=DTYPES[cell.dtype])
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
