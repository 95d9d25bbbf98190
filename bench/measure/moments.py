"""Streaming first and second moments of gradients, kept in groups of replicates so that errors can be jackknifed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from bench.measure.rows import Rows, Whole
from bench.measure.summary import BLOCK, Block, Summary
from bench.measure.units import largest, unit_of, units_of
from bench.statistics.quantiles import GROUPS as GROUPS

_SMALL: Final = 10_000
"""Up to this many parameters, moments accumulate in float64 whatever the task's dtype."""

ROUNDING: Final = 8.0
"""A coordinate whose standard deviation is below this many units of rounding of its mean is constant."""

_ROOM: Final = 2.0**30
"""What a deviation may be of the unit that its coordinate is measured in: float32 holds the square, and its inverse."""

_WIDE: Final = 1000
"""Coordinates from which on the sums of all groups are faster as products with ones."""


class NotFinite(Exception):
    """Some replicates that were added to moments are not finite.

    Args:
        gradients: the replicates, [n, P].
        before: how many had been added before them.
    """

    def __init__(self, gradients: Tensor, before: int) -> None:
        super().__init__("a gradient was not finite")
        self.gradients, self.before = gradients, before


@dataclass(frozen=True)
class Dealt:
    """Which rows of a chunk went where: p·k consecutive rows, k to each of p consecutive groups."""

    rows: slice
    groups: slice

    def split(self, chunk: Tensor) -> Tensor:
        """Return the rows by group, [n, ...] to [p, k, ...], without a copy."""
        return chunk[self.rows].unflatten(0, (self.groups.stop - self.groups.start, -1))


Beside = Callable[[slice, Tensor, list[Dealt]], None]
"""Given columns of a chunk of gradients, their numbers, [n, width], and how the rows were dealt out."""


def nothing(columns: slice, numbers: Tensor, dealt: list[Dealt]) -> None:
    """Compute nothing."""


@final
class Moments:
    """Mean and summed squared deviation per coordinate and group of replicates. No [R, P] matrix is kept.

    Sums are of deviations from a pivot, the mean of the first chunk (the shifted-data algorithm of Chan, Golub &
    LeVeque 1983). Whatever the mean, they are then of the order of the standard deviation, so that a mean of 10⁴
    standard deviations costs no digits, not even in float32, where Welford's running mean would stop moving.

    Deviations are measured in a unit of each coordinate's own, so that their squares do not underflow before they do.

    Args:
        size: P.
        dtype: of the gradients.
        device: that they are on.
        rounding: of each coordinate of a gradient, [P], where it is known: what is smaller is zero. A mean and a
            deviation that are below the rounding of their own sum are so anyway.
    """

    def __init__(self, size: int, dtype: torch.dtype, device: torch.device, rounding: Tensor | None = None) -> None:
        self.dtype = torch.float64 if size <= _SMALL else dtype
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)
        self._epsilon = torch.finfo(dtype).eps
        self._pivot = torch.zeros(size, dtype=self.dtype, device=device)
        self._sums = torch.zeros(GROUPS, size, dtype=self.dtype, device=device)
        self._squares = torch.zeros(GROUPS, size, dtype=self.dtype, device=device)
        self._units = torch.full((size,), torch.finfo(self.dtype).tiny, dtype=self.dtype, device=device)
        self._scales = self._units.reciprocal()
        self.rounding = torch.zeros(size, dtype=torch.float64, device=device) if rounding is None else rounding
        self._next = 0

    @property
    def size(self) -> int:
        """P."""
        return self._pivot.shape[0]

    @property
    def replicates(self) -> int:
        """How many gradients have been added."""
        return int(self.counts.sum())

    def update(self, gradients: Tensor) -> list[Dealt]:
        """Add gradients [n, P]; for the rest see `read`."""
        return self.read(Whole(gradients))

    def read(self, gradients: Rows, beside: Beside = nothing) -> list[Dealt]:
        """Add gradients; return which rows went to which group.

        A small chunk goes to one group as a whole, since a pass over [G, P] would cost more than the gradients
        themselves; a large one is dealt out evenly.

        Args:
            gradients: of one or more replicates.
            beside: given each part of their columns that is read, for what else is to be computed from it.

        Raises:
            NotFinite: a gradient is not; these moments are of no use then.
        """
        before = self.replicates
        dealt = self._deal(gradients.count)
        for columns, numbers in gradients.strips():
            values = numbers.to(self.dtype)
            if not before:
                self._pivot[columns] = values.mean(0)
            for part in dealt:
                if not self._add(part, values[part.rows], columns):
                    raise NotFinite(gradients.whole(), before)
            beside(columns, numbers, dealt)
        for part in dealt:
            self.counts[part.groups] += (part.rows.stop - part.rows.start) // (part.groups.stop - part.groups.start)
        return dealt

    def _add(self, part: Dealt, values: Tensor, columns: slice) -> bool:
        """Add deviations from the pivot; return False, with nothing added, where one is not finite."""
        pivot, groups = self._pivot[columns], part.groups.stop - part.groups.start
        sums, squares = _by_group((values - pivot).mul_(self._scales[columns]), groups)
        # Whatever of a deviation is too large, or not finite, is so of the sum of squares, which has fewer numbers.
        if not bool(squares.amax() <= _ROOM * _ROOM):
            if not self._make_room((values - pivot).abs().amax(0), columns):
                return False
            sums, squares = _by_group((values - pivot).mul_(self._scales[columns]), groups)
        self._sums[part.groups, columns].add_(sums)
        self._squares[part.groups, columns].add_(squares)
        return True

    def _make_room(self, peaks: Tensor, columns: slice) -> bool:
        """Take larger units for coordinates whose deviations have outgrown theirs; return False where one has none."""
        if not bool(peaks.isfinite().all()):
            return False
        units = self._units[columns]
        larger = torch.where(peaks <= _ROOM * units, units, units_of(peaks))
        if self.replicates:
            ratio = units / larger
            self._sums[:, columns].mul_(ratio)
            self._squares[:, columns].mul_(ratio.square())
        units.copy_(larger)
        self._scales[columns] = larger.reciprocal()
        return True

    def _deal(self, count: int) -> list[Dealt]:
        """Return how a chunk of `count` is dealt out."""
        even = count // GROUPS * GROUPS if count >= 2 * GROUPS else 0
        dealt = [Dealt(slice(0, even), slice(0, GROUPS))] if even else []
        if even < count:
            dealt.append(Dealt(slice(even, count), slice(self._next, self._next + 1)))
            self._next = (self._next + 1) % GROUPS
        return dealt

    def blocks(self, where: slice) -> Iterator[tuple[slice, Block]]:
        """Return the moments of the coordinates in `where`, block by block; each group must have a replicate."""
        device = self._sums.device
        counts, step = self.counts[:, None].to(device), BLOCK[device.type]
        share = (self.counts / self.counts.sum()).to(device)
        for start in range(where.start, where.stop, step):
            columns = slice(start, min(start + step, where.stop))
            sums, unit = self._sums[:, columns].double(), self._units[columns].double()
            means = sums / counts
            shift = share @ means
            deviation = torch.addcmul(self._squares[:, columns].double(), sums, means, value=-1).clamp_(min=0)
            offsets = means.sub_(shift)
            centre = self._pivot[columns].double() + shift * unit
            spread = deviation.sum(0) / counts.sum() + share @ offsets.square()
            rounding = ROUNDING * self.rounding[columns]
            noisy = spread.sqrt() * unit > torch.maximum(ROUNDING * self._epsilon * centre.abs(), rounding)
            centre = centre * (noisy | (centre.abs() > rounding))
            if not bool(noisy.all()):
                offsets, deviation = offsets * noisy, deviation * noisy
            yield columns, Block(centre, unit, offsets, deviation, noisy)

    def is_zero(self, where: slice) -> bool:
        """Return whether every gradient is zero in the coordinates of one parameter group, up to rounding."""
        return not any(bool((block.noisy | (block.centre != 0)).any()) for _, block in self.blocks(where))

    def _unit(self, where: slice) -> float:
        """Return the unit that the second moments of one parameter group are summed in."""
        deviations = self._squares[:, where].amax(0).double().sqrt() * self._units[where]
        return unit_of(largest(self._pivot[where]), largest(deviations))

    def summary(self, where: slice) -> Summary:
        """Reduce the coordinates of one parameter group to inner products."""
        unit = self._unit(where)
        within = torch.zeros(GROUPS, dtype=torch.float64)
        centred = torch.zeros(GROUPS, GROUPS, dtype=torch.float64)
        means = torch.zeros(GROUPS, GROUPS, dtype=torch.float64)
        for _, block in self.blocks(where):
            ratio, centre = block.unit / unit, block.centre / unit
            # Not with the square of the ratio, which may be infinite where the deviation is zero.
            within += ((block.deviation * ratio) @ ratio).cpu()
            offsets = block.offsets * ratio
            inner, along = offsets @ offsets.T, offsets @ centre
            centred += inner.cpu()
            # (c + o_i) · (c + o_j), c being the overall mean.
            means += (inner + along[:, None] + along + centre @ centre).cpu()
        return Summary(self.counts.clone(), within, centred, means, where.stop - where.start, unit)

    def differences(self, others: Tensor, where: slice, unit: float, rounding: Tensor | None = None) -> Tensor:
        """Return the Gram matrix [G, G] of the groups' means less the rows of `others`, [G, P] or [1, P], in a unit.

        A difference of constants that is below the rounding of both is zero; that of `others` is `rounding`, [P].
        """
        total = torch.zeros(GROUPS, GROUPS, dtype=torch.float64)
        for columns, block in self.blocks(where):
            apart = block.centre - others[:, columns].to(block.centre)
            if rounding is not None:
                bound = ROUNDING * torch.hypot(self.rounding[columns], rounding[columns])
                apart = apart * (block.noisy | (apart.abs() > bound))
            rows = apart / unit + block.offsets * (block.unit / unit)
            total += (rows @ rows.T).cpu()
        return total

    @property
    def mean(self) -> Tensor:
        """The groups' means, [G, P]."""
        return self._pivot + self._sums / self.counts[:, None].to(self._sums) * self._units


def bytes_of_moments(size: int, dtype: torch.dtype) -> int:
    """Return the memory that moments of P = `size` coordinates take, apart from what is small beside it."""
    return 2 * GROUPS * size * (torch.float64 if size <= _SMALL else dtype).itemsize


def _by_group(deviations: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Return sums, and sums of squares, over the rows of each of so many groups, [groups, width]; the rows are lost."""
    if len(deviations) == 1:
        return deviations, deviations.square()
    if groups == 1:
        # Half the time of a sum.
        ones = deviations.new_ones(1, len(deviations))
        return ones @ deviations, ones @ deviations.square_()
    by_group = deviations.unflatten(0, (groups, -1))
    if deviations.shape[1] < _WIDE:
        return by_group.sum(1), by_group.square_().sum(1)
    ones = deviations.new_ones(groups, 1, by_group.shape[1])
    return torch.bmm(ones, by_group).squeeze(1), torch.bmm(ones, by_group.square_()).squeeze(1)
