"""Streaming first and second moments of gradients, kept in groups of replicates so that errors can be jackknifed."""

import itertools
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

GROUPS: Final = 20
"""Groups of replicates. The jackknife over them gives standard errors with GROUPS − 1 degrees of freedom."""

_SMALL: Final = 10_000
"""Up to this many parameters, moments accumulate in float64 whatever the task's dtype."""


@dataclass(frozen=True)
class Summary:
    """What every metric of one parameter group is computed from: inner products of the groups' means.

    Attributes:
        counts: replicates per group, [G].
        within: Σ_p of the squared deviations from the group's own mean, [G].
        centred: Gram matrix of the group means about the overall mean, [G, G].
        means: Gram matrix of the group means, [G, G].
        size: P of the parameter group.
    """

    counts: Tensor
    within: Tensor
    centred: Tensor
    means: Tensor
    size: int


@final
class Moments:
    """Mean and summed squared deviation per coordinate and group of replicates.

    Updates are the pairwise ones of Chan, Golub & LeVeque (1983): no difference of large sums is ever taken, so that
    a variance far below the squared mean comes out right. No [R, P] matrix is kept.
    """

    def __init__(self, size: int, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype = torch.float64 if size <= _SMALL else dtype
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)
        self.mean = torch.zeros(GROUPS, size, dtype=self.dtype, device=device)
        self.deviation = torch.zeros(GROUPS, size, dtype=self.dtype, device=device)
        self._next = 0

    @property
    def replicates(self) -> int:
        """How many gradients have been added."""
        return int(self.counts.sum())

    def update(self, gradients: Tensor) -> list[tuple[int, slice]]:
        """Add gradients [n, P]; return which rows went to which group.

        A small chunk goes to one group as a whole, since a pass over [G, P] per replicate would cost as much as the
        gradient itself; a large one is dealt out evenly.
        """
        parts = self.parts(gradients.shape[0])
        dealt = [
            ((self._next + part) % GROUPS, slice(rows[0], rows[-1] + 1))
            for part, rows in enumerate(_split(gradients.shape[0], parts))
        ]
        for group, rows in dealt:
            self._merge(group, gradients[rows].to(self.dtype))
        self._next = (self._next + parts) % GROUPS
        return dealt

    @staticmethod
    def parts(count: int) -> int:
        """Return over how many groups a chunk of `count` replicates is dealt."""
        return min(GROUPS, max(1, count // 2))

    def _merge(self, group: int, gradients: Tensor) -> None:
        n = gradients.shape[0]
        before = float(self.counts[group])
        mean = gradients.mean(0)
        shift = mean - self.mean[group]
        self.mean[group].add_(shift, alpha=n / (before + n))
        if n > 1:
            self.deviation[group].add_((gradients - mean).square_().sum(0))
        if before:
            self.deviation[group].addcmul_(shift, shift, value=before * n / (before + n))
        self.counts[group] += n

    def summary(self, where: slice) -> Summary:
        """Reduce the coordinates of one parameter group to inner products."""
        mean = self.mean[:, where]
        overall = self.overall_mean()[where]
        return Summary(
            self.counts.clone(),
            self.deviation[:, where].sum(1, dtype=torch.float64).cpu(),
            gram(mean - overall),
            gram(mean),
            where.stop - where.start,
        )

    def overall_mean(self) -> Tensor:
        """Return the mean over all replicates, [P]."""
        weights = (self.counts / self.counts.sum()).to(self.mean)
        return weights @ self.mean


def gram(rows: Tensor) -> Tensor:
    """Return the inner products of the rows, [G, G], in float64 on the CPU."""
    # Blocks of columns keep the float64 copy of a large float32 matrix small.
    blocks = rows.split(1 << 16, dim=1)
    return sum((block.double() @ block.double().T for block in blocks), torch.zeros(())).cpu()


def _split(count: int, parts: int) -> list[range]:
    edges = [count * part // parts for part in range(parts + 1)]
    return [range(low, high) for low, high in itertools.pairwise(edges)]
