"""Kinds of steps that many seeds take together, and what a step leaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from bench.training.clipping import Clipping
from bench.training.loss import Loss
from bench.training.trace import Values
from bench.training.trainer import Trainer

BETA: Final = "seen.model.beta"
"""The name of β in the loss that KL warm-up descends."""
SOME_BETA: Final = 0.5
"""A β at which gradients are compared."""


@dataclass(frozen=True)
class Kind:
    """What kind of step one is: on a GPU each has a CUDA graph of its own.

    Attributes:
        resting: the parameter group that does not move, or None.
        tempered: whether β is not 1.
    """

    resting: str | None
    tempered: bool


@dataclass(frozen=True)
class Result:
    """What a step has left, by seed.

    Attributes:
        gradients: of the parameters that moved, as they were applied, each [S, ...].
        objective: its mean over the minibatch, [S].
        clipping: how gradients were clipped; None where none is to be, or nothing moved.
    """

    gradients: Values
    objective: Tensor
    clipping: Clipping | None

    @property
    def above(self) -> Tensor:
        """Return of which seeds the gradient was clipped, [S]."""
        return torch.zeros_like(self.objective, dtype=torch.bool) if self.clipping is None else self.clipping.above


def losses(trainer: Trainer) -> Iterator[Loss]:
    """Give what the steps that are left descend: the loss itself, that of KL warm-up, or both."""
    if trainer.tempered is None:
        yield trainer.loss
        return
    steps = range(trainer.progress.step, trainer.settings.steps)
    is_plain = [trainer.beta(step) == 1 for step in steps] or [True]
    if any(is_plain):
        yield trainer.loss
    if not all(is_plain):
        yield trainer.tempered


def of_group(gradients: Values, group: str) -> list[Tensor]:
    """Return the parts [S, ...] of a gradient in one parameter group."""
    return [gradient for name, gradient in gradients.items() if group_of(name) == group]


def group_of(name: str) -> str:
    """Return the parameter group of `task.guide.…`, `task.model.…` or `estimator.…`."""
    return name.removeprefix("task.").partition(".")[0]
