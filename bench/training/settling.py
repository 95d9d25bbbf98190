"""Adaptive state that fits the parameters at which an estimator is measured or checked."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from bench.names.estimates import as_estimate
from bench.training.descents import Adam
from bench.training.optimizers import AdamOptimizer, Group
from estimators.base import Estimator
from tasks.base import Task


def settled(
    estimator: Estimator,
    task: Task,
    x: Tensor,
    samples: int,
    *,
    steps: int,
    step_size: float | None,
    over: Callable[[], bool] = lambda: False,
) -> Estimator:
    """Return a copy whose adaptive state and learned parts have seen `steps` estimates at a task's present parameters.

    θ and φ stay as they are. Draws come from PyTorch's own generators, which the caller has seeded.

    Args:
        estimator: with its learned parts built (`prepare`).
        task: with the parameters.
        x: the batch [B, ...].
        samples: K of each estimate.
        steps: how many estimates.
        step_size: of Adam on the learned parts; None leaves these as they are.
        over: asked after each estimate whether it shall be the last.
    """
    estimator = copy.deepcopy(estimator)
    learned = [parameter for parameter in estimator.parameters() if parameter.requires_grad]
    optimizer = None
    if learned and step_size is not None:
        # Not the fused version, so that what was measured in the first version is what is measured now.
        optimizer = AdamOptimizer([Group("estimator", learned, step_size)], Adam(), is_fused=False)
    for _ in range(steps):
        estimate = as_estimate(estimator.estimate(task, x, samples), samples, len(x))
        if optimizer is not None and estimate.auxiliary is not None:
            gradients = torch.autograd.grad(estimate.auxiliary, learned, allow_unused=True)
            for parameter, gradient in zip(learned, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
        estimator.observe(estimate)
        if over():
            break
    return estimator


def adapts(estimator: Estimator) -> bool:
    """Return whether an estimator, or one that it is made of, has state: parameters, buffers, or what it observes."""
    if any(True for _ in estimator.parameters()) or any(True for _ in estimator.buffers()):
        return True
    return observes(estimator)


def observes(estimator: Estimator) -> bool:
    """Return whether an estimator, or one that it is made of, does anything when it observes an estimate."""
    parts = (part for part in estimator.modules() if isinstance(part, Estimator))
    return any(type(part).observe is not Estimator.observe for part in parts)
