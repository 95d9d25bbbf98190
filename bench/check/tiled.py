"""Many estimates in one call of an estimator that cannot be batched, by a batch that holds every observation often."""

from typing import Final

import torch
from torch import Tensor

from bench.check.draws import Draws
from bench.check.points import Point
from estimators.base import Estimator
from tasks.base import GlobalModel

_COPIES: Final = 64


def tiled(draws: Draws, point: Point) -> tuple[Draws, int]:
    """Return draws whose rows are means over independent copies of the batch, and over how many.

    Latents of rows are independent, given the parameters: the mean of the gradient stays, and 64 copies cost an
    estimator that is called once for each draw not much more than one. There is one copy where latents belong to the
    whole data set, where the target is the estimator's own, which may be of the batch as a whole, and where the task's
    own exact answer does not bear it out.
    """
    copies = point.x.repeat(_COPIES, *[1] * (point.x.dim() - 1))
    if isinstance(point.task.model, GlobalModel) or not _same_target(draws.estimator, point, copies, draws.samples):
        return draws, 1
    many = Draws(point.task, draws.estimator, copies, draws.samples)
    many.reason = draws.reason
    return many, _COPIES


def _same_target(estimator: Estimator, point: Point, copies: Tensor, samples: int) -> bool:
    if estimator.own_target:
        return False
    target = estimator.target(point.task)
    with torch.no_grad():
        once, often = (point.task.exact(target, x, samples) for x in (point.x, copies))
    return once is not None and often is not None and torch.allclose(often, once.repeat(_COPIES), rtol=1e-9)
