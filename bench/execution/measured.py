"""At which training steps a cell's moments are to be measured, and where they were not."""

import numpy as np

from bench.results.schema import Record
from bench.settings import Cell


def measured_steps(cell: Cell) -> list[int]:
    """Return the training steps at which moments are measured: 0 and log-spaced ones up to the last."""
    steps, points = cell.training.steps, cell.measurement.checkpoints
    if steps == 0 or points == 1:
        return [steps]
    spaced = np.geomspace(min(10, steps), steps, max(1, points - 1)).round().astype(int)
    return sorted({0, *map(int, spaced), steps})


def unmeasured_steps(record: Record) -> list[int]:
    """Return the steps without moments, of a record of a cell that got to its end, though it was asked for them.

    Parameters that a cell's own training did not get to, since it diverged, are none that anything can be measured at.
    """
    cell = record.cell
    if record.status in ("failed", "limited") or not (cell.along_trajectory or cell.training.steps == 0):
        return []
    measured = {row.step for row in record.gradients}
    return [step for step in measured_steps(cell) if step not in measured]


def in_words(steps: list[int]) -> str:
    """Return `step 7`, or `steps 7, 12` of several."""
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"
