"""Where a gradient estimate is measured: parameters, an estimator, and data."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from bench.measure.chunk import chunk_size
from bench.measure.replicates import Replicator
from estimators.base import Estimator
from tasks.base import Task


@dataclass(frozen=True)
class Point:
    """A task at its present parameters, with an estimator of their gradient.

    Attributes:
        task: with the parameters to measure at.
        estimator: whose adaptive state stays as it is.
        samples: K.
        x: the common batch, prepared (binarized) once.
        batches: other batches of the same size, for the part of the variance due to the choice of batch; none where
            every batch is the whole data set.
        identity: what the measured chunk size is remembered by.
        chunks: sizes that are known already, by identity; the one that is found here is put there.
        replicates: how many are going to be drawn here and at other points of a cell, at least.
        share: of the time in which a cell's gradient is timed, what is spent here; other points have the rest.
    """

    task: Task
    estimator: Estimator
    samples: int
    x: Tensor
    batches: Sequence[Tensor] = ()
    identity: tuple[object, ...] = ()
    chunks: MutableMapping[str, int] = field(default_factory=dict)
    replicates: int = 0
    share: float = 1.0

    def replicator(self, replicates: int) -> tuple[Replicator, int]:
        """Return what draws replicates of the gradient, at least as many as wanted, and how many at once."""
        replicator, wanted = Replicator(self.task, self.estimator, self.samples), max(self.replicates, replicates)
        return replicator, chunk_size(replicator, self.x, self.chunks, *self.identity, replicates=wanted)
