"""What laws are computed from: the parameters and the observations that a cell was measured at."""

from torch import Tensor

from bench.execution.initial import initial
from bench.machine.device import observations
from bench.names.registry import TASKS
from bench.settings import Cell
from tasks.base import Task


def initial_task(cell: Cell) -> tuple[Task, Tensor]:
    """Return a cell's task at its initial parameters, and all observations, which are one batch of all of them."""
    data = TASKS.build(cell.task_spec).load()
    task, _ = initial(cell, data)
    return task, observations(task, data.train)
