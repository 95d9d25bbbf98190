"""Test statistics for `the mean of these rows is this vector`, along coordinates and random projections."""

from typing import Final, final

import torch
from scipy import stats
from torch import Tensor

from bench.check.points import Exact

PROJECTIONS: Final = 8

DOMINATED: Final = 0.2
"""The share of the variance from which on a single row is said to dominate it."""

_ROUNDING: Final = 1e-6
"""Relative to the gradient's size: quadratures and sums are not more exact than this."""


@final
class Deviations:
    """Sums of powers of the rows' deviations from their supposed mean, along D directions.

    The directions are the coordinates (the objective is the last of them), the exact gradient, and projections on
    random signs, in which coordinates count in units of their standard deviation: a bias that is spread thinly over all
    coordinates adds up there.

    Args:
        exact: the supposed mean of gradient and objective.
        pilot: rows [n, P + 1] that the standard deviations for the projections are taken from; they are not tested.
        tested: which coordinates are claimed, [P + 1].
        generator: of the random signs.
    """

    def __init__(self, exact: Exact, pilot: Tensor, tested: Tensor, generator: torch.Generator) -> None:
        self.mean = exact.row
        size = len(self.mean)
        spread = pilot.std(0)
        unit = torch.where(tested & (spread > 0), 1 / spread.clamp(min=1e-300), 0.0)
        unit[-1] = 0.0
        signs = torch.randint(0, 2, (PROJECTIONS, size), generator=generator).to(self.mean) * 2 - 1
        along = (tested * torch.cat([exact.gradient, exact.gradient.new_zeros(1)]))[None]
        self.projections = torch.cat([along / along.norm().clamp(min=1e-300), signs * unit])
        self.tested = torch.cat([tested, torch.ones(len(self.projections), dtype=torch.bool)])
        tolerance = _ROUNDING * (1 + self.mean.abs())
        tolerance[:-1] = tolerance[:-1].max(_ROUNDING * exact.gradient.norm())
        self.rounding = torch.cat([tolerance, self.projections.abs() @ tolerance])
        self.count = 0
        self.sums = torch.zeros(3, size + len(self.projections), dtype=self.mean.dtype)
        self.largest = torch.zeros(size + len(self.projections), dtype=self.mean.dtype)
        self._nan = torch.zeros(size + len(self.projections), dtype=torch.long)
        self._infinite = torch.zeros_like(self._nan)

    def update(self, rows: Tensor) -> None:
        """Add rows [n, P + 1]."""
        deviation = rows.to(self.mean) - self.mean
        deviation = torch.cat([deviation, deviation @ self.projections.T], 1)
        square = deviation * deviation
        self.sums += torch.stack([deviation.sum(0), square.sum(0), (square * deviation).sum(0)])
        self.largest = self.largest.maximum(square.amax(0))
        self._nan += deviation.isnan().sum(0)
        self._infinite += deviation.isinf().sum(0)
        self.count += len(rows)

    @property
    def tests(self) -> int:
        """How many directions are tested."""
        return int(self.tested.sum())

    def not_finite(self, direction: int) -> str:
        """Return in how many rows a direction is NaN or infinite; nothing if it is finite in all."""
        return not_finite(int(self._nan[direction]), int(self._infinite[direction]), self.count)

    def shift(self) -> Tensor:
        """Return the mean deviation along each direction, [D]."""
        return self.sums[0] / self.count

    def standard_error(self) -> Tensor:
        """Return the standard error of `shift`, [D]."""
        shift = self.shift()
        variance = (self.sums[1] / self.count - shift**2).clamp(min=0) * self.count / (self.count - 1)
        return (variance / self.count).sqrt()

    def statistic(self) -> Tensor:
        """Return a statistic that is nearly Student's t with n − 1 degrees of freedom where the mean is right, [D].

        Skewness bends the tails of Student's t, far out most of all, and gradients are skewed. Hall's cubic (1992, "On
        the removal of skewness by transformation", eq. 2.2) takes it out up to O(1/n) and keeps the order of values.
        A shift within rounding is none; beyond it, a direction without variance is infinitely far off.
        """
        n, shift, error = self.count, self.shift(), self.standard_error()
        beyond = (shift.abs() - self.rounding).clamp(min=0) * shift.sign()
        second = (self.sums[1] / n - shift**2).clamp(min=0)
        third = self.sums[2] / n - 3 * shift * self.sums[1] / n + 2 * shift**3
        skewness = torch.where(second > 0, third / second.clamp(min=1e-300) ** 1.5, torch.zeros_like(third))
        ratio = beyond / (error * n**0.5)
        bent = ratio + skewness * ratio**2 / 3 + skewness**2 * ratio**3 / 27 + skewness / (6 * n)
        # Rounding alone gives a constant direction a spread of its own, some 1e-16 of the values.
        constant = error * n**0.5 <= 1e-3 * self.rounding
        infinite = torch.where(beyond == 0, torch.zeros_like(beyond), beyond.sign() * torch.inf)
        statistic = torch.where(constant | ~ratio.isfinite(), infinite, n**0.5 * bent)
        statistic = torch.where(beyond == 0, torch.zeros_like(statistic), statistic)
        statistic = torch.where(shift.isfinite(), statistic, torch.inf)
        return torch.where(self.tested, statistic, 0.0)

    def dominated(self, share: float = DOMINATED) -> Tensor:
        """Return along which directions a single row makes up a share of the variance, a fifth unless given, [D].

        There the sum is not near a normal variable, and may never be: the variance may be infinite.
        """
        spread = (self.sums[1] - self.count * self.shift() ** 2).clamp(min=0)
        single = (self.largest.sqrt() - self.shift().abs()).clamp(min=0) ** 2
        return single > share * spread.maximum((self.count**0.5 * self.rounding) ** 2)

    def relative_bias(self) -> float:
        """Return ‖mean − exact‖ / ‖exact‖ of the claimed part of the gradient, its sampling error taken out."""
        size = len(self.mean) - 1
        claimed = self.tested[:size]
        squared = (self.shift()[:size].square() - self.standard_error()[:size].square())[claimed].sum()
        norm = self.mean[:size][claimed].norm()
        return float(squared.clamp(min=0).sqrt() / norm) if norm > 0 else float(squared.clamp(min=0).sqrt())


def not_finite(nan: int, infinite: int, count: int) -> str:
    """Return how many of some draws are not finite, in words; nothing where all are.

    >>> not_finite(3, 0, 4096), not_finite(0, 1, 64), not_finite(2, 1, 64), not_finite(0, 0, 64)
    ('NaN in 3 of 4096 draws', 'infinite in 1 of 64 draws', 'NaN or infinite in 3 of 64 draws', '')
    """
    if not nan + infinite:
        return ""
    word = "NaN or infinite" if nan and infinite else "NaN" if nan else "infinite"
    return f"{word} in {nan + infinite} of {count} draws"


def quantile(level: float, count: int) -> float:
    """Return what Student's t with `count` − 1 degrees of freedom exceeds with probability `level`."""
    return float(stats.t.isf(level, count - 1))
