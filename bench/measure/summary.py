"""What moments come down to: blocks of coordinates, and inner products of the means of groups of replicates."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

BLOCK: Final = {"cpu": 1 << 13, "cuda": 1 << 16}
"""Coordinates that are reduced at once: float64 copies of a large float32 matrix stay small, and in a CPU's cache."""


@dataclass(frozen=True)
class Block:
    """Moments of some coordinates in float64, those of second order in units of each coordinate's own.

    Attributes:
        centre: the mean over all replicates, [p]; zero where there is nothing but rounding.
        unit: what offsets are measured in, [p], and squared deviations in its square.
        offsets: the groups' means less `centre`, [G, p].
        deviation: squared deviations from the group's own mean, summed, [G, p].
        noisy: whether a coordinate varies by more than rounding, [p]; those that do not have no offset nor deviation.
    """

    centre: Tensor
    unit: Tensor
    offsets: Tensor
    deviation: Tensor
    noisy: Tensor


@dataclass(frozen=True)
class Summary:
    """What every metric of one parameter group is computed from: inner products of the groups' means.

    Attributes:
        counts: replicates per group, [G].
        within: Σ_p of the squared deviations from the group's own mean, [G].
        centred: Gram matrix of the group means about the overall mean, [G, G].
        means: Gram matrix of the group means, [G, G].
        size: P of the parameter group.
        unit: of the gradient, in whose square all these are; see `bench.measure.units`.
    """

    counts: Tensor
    within: Tensor
    centred: Tensor
    means: Tensor
    size: int
    unit: float

    def in_unit(self, unit: float) -> "Summary":
        """Return the same in another unit."""
        ratio = self.unit / unit
        within, centred, means = (part * ratio * ratio for part in (self.within, self.centred, self.means))
        return Summary(self.counts, within, centred, means, self.size, unit)


def gram(rows: Tensor, unit: float = 1.0) -> Tensor:
    """Return the inner products of the rows in a unit, [G, G], in float64 on the CPU."""
    blocks = (block.double() / unit for block in rows.split(BLOCK[rows.device.type], dim=1))
    return sum((block @ block.T for block in blocks), torch.zeros(())).cpu()
