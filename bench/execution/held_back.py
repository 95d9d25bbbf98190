"""Training rows that are held back: settings are chosen by what a model says of them, and never of test rows."""

from dataclasses import replace
from functools import lru_cache

import torch

from bench.errors import UsageError
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.names.spec import Spec
from tasks.base import Data, Task


def share_held_back(spec: Spec, task: Task, data: Data, share: float | None) -> float:
    """Return which share of a task's training rows is held back where this is asked for.

    None of a task that has no log p(x) to judge by: its objective has no rows that it could be fitted to.

    Raises:
        UsageError: none of the rows can be, or all would be.
    """
    if not share or task.target == "expectation":
        return 0.0
    if task.guide.indexed:
        raise UsageError(
            f"{spec} has parameters for each training row, so it says nothing about rows held back: leave "
            f"--validation out"
        )
    rows, count = len(data.train), _count(data, share)
    if not 0 < count < rows:
        raise UsageError(
            f"--validation {share:g} holds back {count} of the {rows} training row{'s' * (rows != 1)} of {spec}: at "
            f"least one must be held back, and one left for training"
        )
    return share


# The cells of a task follow each other, and each has the same rows: they are copied once.
@lru_cache(maxsize=1)
def hold_back(data: Data, share: float) -> Data:
    """Return data with a share of the training rows held back for validation: the same ones for every cell.

    Seeds and estimators are compared on the same rows, in the order in which they are stored.
    """
    if not share:
        return data
    with seeded(CPU, "validation rows"):
        order = torch.randperm(len(data.train))
    count = _count(data, share)
    held, left = (part.sort()[0].to(data.train.device) for part in (order[:count], order[count:]))
    return replace(data, train=data.train[left], validation=data.train[held])


def _count(data: Data, share: float) -> int:
    return round(share * len(data.train))
