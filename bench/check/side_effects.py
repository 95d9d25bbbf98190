"""What an estimator may not change: the task's parameters and buffers, its modes, and the observations."""

from collections.abc import Iterator

import torch

from bench.check.points import Point
from bench.check.verdicts import Violation


def changes(point: Point, original: Point) -> Iterator[Violation]:
    """Yield a violation for everything in a copy of a point that is not any more as it was.

    Args:
        point: the copy that an estimator worked on.
        original: what it is a copy of.
    """
    if not _same(point.x, original.x):
        yield _changed("the observations x")
    before = original.task.state_dict()
    for name, value in point.task.state_dict().items():
        if name not in before or not _same(value, before[name]):
            yield _changed(f"'{name}' of the task")
    trained = {name: value.requires_grad for name, value in original.task.named_parameters()}
    for name, value in point.task.named_parameters():
        if value.requires_grad != trained.get(name):
            yield _changed(f"whether '{name}' of the task requires a gradient")
        if value.grad is not None:
            yield _changed(f"the `.grad` of '{name}' of the task")
    modes = {name: module.training for name, module in original.task.named_modules()}
    for name, module in point.task.named_modules():
        if module.training != modes.get(name, module.training):
            yield _changed(f"the training mode of '{name or 'the task'}'")


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and bool(torch.equal(first, second))


def _changed(what: str) -> Violation:
    return Violation("side effect", f"it changes {what}; work on a copy instead")
