"""Many estimates in one call of an estimator that cannot be batched, by a batch that holds every observation often."""

import time
from typing import Final

import torch

from bench.check.draws import Draws
from bench.check.points import Point
from estimators.base import Estimator
from tasks.base import GlobalModel

_FEW: Final = 64
_COPIES: Final = 1024
_DEAR: Final = 8
"""How many times as long a call may take for few copies: rows that are gone through one by one are not worth it."""


def tiled(draws: Draws, point: Point) -> tuple[Draws, int]:
    """Return draws whose rows are means over independent copies of the batch, and over how many.

    Latents of rows are independent, given the parameters: the mean of the gradient stays, and a call for a thousand
    copies often takes not much longer than one for a single batch. There is one copy where it does, where latents
    belong to the whole data set, where the target is the estimator's own, which may be of the batch as a whole, and
    where the task's own exact answer does not bear it out.
    """
    if isinstance(point.task.model, GlobalModel) or not _same_target(draws.estimator, point, draws.samples):
        return draws, 1
    if _seconds(_copied(draws, point, _FEW)) > _DEAR * _seconds(draws):
        return draws, 1
    return _copied(draws, point, _COPIES), _COPIES


def _copied(draws: Draws, point: Point, copies: int) -> Draws:
    many = Draws(point.task, draws.estimator, point.x.repeat(copies, *[1] * (point.x.dim() - 1)), draws.samples)
    many.reason = draws.reason
    return many


def _seconds(draws: Draws) -> float:
    """Return the work of one call, the shorter of two."""
    times = []
    for _ in range(2):
        start = time.process_time()
        draws.loop(1)
        times.append(time.process_time() - start)
    return min(times)


def _same_target(estimator: Estimator, point: Point, samples: int) -> bool:
    """Return whether the exact answer is the same for each copy."""
    if estimator.own_target:
        return False
    target = estimator.target(point.task)
    with torch.no_grad():
        once = point.task.exact(target, point.x, samples)
        twice = point.task.exact(target, torch.cat([point.x, point.x]), samples)
    return once is not None and twice is not None and torch.allclose(twice, once.repeat(2), rtol=1e-9)
