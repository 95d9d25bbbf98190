"""Trainings that run side by side: what is common to many seeds in one step and to a single one."""

from collections.abc import Iterator
from typing import Protocol, final

from bench.training.diverged import Diverged
from bench.training.trainer import Trainer


class Group(Protocol):
    """Trains one or several cells that differ in their seed alone.

    Attributes:
        diverged: those that have, by the trainer's place.
    """

    diverged: dict[int, Diverged]

    @property
    def active(self) -> list[int]:
        """The places of the trainers that have not diverged."""
        ...

    @property
    def plain_reason(self) -> str | None:
        """Why the step is not captured as a CUDA graph, where it is to be."""
        ...

    def run(self, until: int) -> Iterator[int]:
        """Train up to step `until`, yielding the step after each recorded row; ends early where all have diverged."""
        ...

    def drop(self, place: int, reason: Diverged) -> None:
        """Leave one trainer as it is now; the others go on."""
        ...

    def release(self, place: int) -> None:
        """Give a trainer tensors of its own, which the group changes no more."""
        ...

    def close(self) -> None:
        """Let go of what the steps need; no step can be taken any more."""
        ...


@final
class Single:
    """One trainer, which takes its steps by plain autograd."""

    plain_reason = None

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.diverged: dict[int, Diverged] = {}

    @property
    def active(self) -> list[int]:
        return [] if self.diverged else [0]

    def run(self, until: int) -> Iterator[int]:
        try:
            yield from self.trainer.run(until) if self.active else ()
        except Diverged as reason:
            self.drop(0, reason)

    def drop(self, place: int, reason: Diverged) -> None:
        self.diverged[place] = reason

    def release(self, place: int) -> None:
        pass

    def close(self) -> None:
        pass
