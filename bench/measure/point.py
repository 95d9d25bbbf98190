"""Where a gradient estimate is measured: parameters, an estimator, and data."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    """

    task: Task
    estimator: Estimator
    samples: int
    x: Tensor
    batches: Sequence[Tensor] = ()
    identity: tuple[object, ...] = ()

    def replicator(self) -> tuple[Replicator, int]:
        """Return what draws replicates of the gradient, and how many to draw at once."""
        replicator = Replicator(self.task, self.estimator, self.samples)
        return replicator, chunk_size(replicator, self.x, *self.identity)
