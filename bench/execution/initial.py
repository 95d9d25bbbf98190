"""Where a cell starts: what its seed fixes."""

from bench.machine.device import CPU, DTYPES, find_device, observations
from bench.machine.streams import seeded
from bench.names.building import build_estimator, build_task
from bench.settings import Cell
from estimators.base import Estimator
from tasks.base import Data, GlobalModel, Task


def initial(cell: Cell, data: Data) -> tuple[Task, Estimator]:
    """Return a cell's task and estimator at the initial parameters that its seed fixes, on its device."""
    device, dtype = find_device(cell.device), DTYPES[cell.dtype]
    with seeded(CPU, cell.seed, "initial parameters"):
        task = build_task(cell.task_spec, data)
    if cell.training.validation and isinstance(task.model, GlobalModel):
        # Its likelihood counts for the rows that it is trained on.
        task.model.rows = len(data.train)
    with seeded(CPU, cell.seed, "initial estimator"):
        # A network that reads an observation made of many rows must have room for all of them.
        count = cell.training.batch_size if isinstance(task.model, GlobalModel) else 1
        estimator = build_estimator(cell.estimator_spec, task, observations(task, data.train[:count].cpu()))
    return task.to(device, dtype), estimator.to(device, dtype)
