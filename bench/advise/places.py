"""Where estimators are screened: at the initial parameters, and after a short training that all of them share."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from torch import Tensor

from bench.errors import UsageError
from bench.execution.grounds import Grounds
from bench.execution.initial import initial
from bench.execution.meter import GradientMeter, KnownReferences
from bench.execution.trajectory import Keeping, reference_trajectory
from bench.machine.streams import seeded
from bench.measure.reference import Reference, exact_reference
from bench.names.building import named_reference
from bench.settings import Cell
from estimators.base import Estimator
from tasks.base import Data, Task

_PART: Final = 4
"""The short training is one part in so many of the task's default, where there is time for it."""

_PILOT: Final = 10
"""Steps by which the time of one is known."""


@dataclass(frozen=True)
class Place:
    """Parameters, and the batch that all are measured on.

    Attributes:
        step: of the short training.
        task: at these parameters.
        x: the common batch, as `bench run` has it.
        exact: the gradient of the task's target there, where it is known exactly.
        by: the unbiased estimator that stands in for it else, and its name; None where there is none.
    """

    step: int
    task: Task
    x: Tensor
    exact: Reference | None
    by: tuple[str, Estimator] | None

    def __str__(self) -> str:
        return f"after {self.step} steps" if self.step else "before training"


def places(
    cell: Cell, data: Data, folder: Path, seconds: float, clock: Callable[[], float], tell: Callable[[str], None]
) -> tuple[Sequence[Place], str]:
    """Return the initial parameters and, where a training gets anywhere, those after it; and who trained, or why not.

    Args:
        cell: one of those that are compared.
        data: of its task.
        folder: where the trajectory is kept.
        seconds: that training may take, about.
        clock: tells the time.
        tell: is told what is done.
    """
    start, _ = initial(cell, data)
    meter = GradientMeter(cell, start, data, KnownReferences())
    before = _place(start, meter.x, 0)
    try:
        Grounds(lambda _spec, _task: data).require_reference(cell.task_spec)
    except UsageError as reason:
        return [before], str(reason).partition(":")[0]
    keeping = Keeping(folder, run="advise")

    def trained(steps: int) -> tuple[str, Place | None]:
        short = replace(cell, training=replace(cell.training, steps=steps))
        task = copy.deepcopy(start)
        found = reference_trajectory(
            short, task, data, [0, steps], keeping, lambda at: tell(f"common training {at}/{steps}")
        )
        if steps not in found.snapshots:
            return f"the training of {found.by} diverged: {found.diverged}", None
        task.load_state_dict(found.snapshots[steps])
        return found.by, _place(task, meter.x, steps)

    wanted = max(_PILOT, cell.training.steps // _PART)
    begun = clock()
    by, pilot = trained(min(_PILOT, wanted))
    steps = min(wanted, int(seconds / max(clock() - begun, 1e-6) * _PILOT))
    if pilot is None or steps <= 2 * _PILOT:
        return [place for place in (before, pilot) if place], by
    by, after = trained(round_steps(steps))
    return [place for place in (before, after or pilot) if place], by


def _place(task: Task, x: Tensor, step: int) -> Place:
    with seeded(x.device, "advise", "exact"):
        exact = exact_reference(task, task.target, x, 1)
    return Place(step, task, x, exact, None if exact else named_reference(task, task.target, x))


def round_steps(steps: int) -> int:
    """Return a number of steps that is easily said, and not larger.

    >>> from bench.advise.places import round_steps
    >>> [round_steps(steps) for steps in (7, 43, 258, 1999)]
    [7, 43, 250, 1900]
    """
    unit = 10 ** max(0, len(str(max(0, steps))) - 2)
    return steps // unit * unit
