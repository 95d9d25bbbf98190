"""Gradients of several replicates as a matrix [n, P] that is read a few columns at a time, which is how moments do."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final, final

import torch
from torch import Tensor

_CACHED: Final = 1 << 18
"""Numbers that fit the cache of a processor's core."""


def cached() -> int:
    """Return how many numbers fit the caches of the cores that PyTorch computes with."""
    return _CACHED * torch.get_num_threads()


class Rows(ABC):
    """Gradients of n replicates.

    Attributes:
        count: n.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    @abstractmethod
    def strips(self) -> Iterator[tuple[slice, Tensor]]:
        """Return all columns in parts, each with where it lies and its numbers, [n, width].

        The next part may be made in the same memory.
        """

    @abstractmethod
    def whole(self) -> Tensor:
        """Return the matrix itself, [n, P]."""


@final
class Whole(Rows):
    """A matrix that is there already."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__(len(matrix))
        self._matrix = matrix

    def strips(self) -> Iterator[tuple[slice, Tensor]]:
        return parted(self._matrix, 0)

    def whole(self) -> Tensor:
        return self._matrix


def parted(matrix: Tensor, start: int) -> Iterator[tuple[slice, Tensor]]:
    """Return the columns of a matrix [n, p], the first of which lies at `start`, in parts to read at once.

    On a CPU they are so small that what is computed on the way stays in the cache.
    """
    count, size = matrix.shape
    step = max(16, cached() // count) if matrix.device.type == "cpu" else max(1, size)
    for low in range(0, size, step):
        high = min(low + step, size)
        yield slice(start + low, start + high), matrix[:, low:high]
