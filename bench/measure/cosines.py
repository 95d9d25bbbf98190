"""The mean cosine between replicates of a gradient and the reference gradient."""

import itertools
import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from bench.measure.moments import GROUPS, Dealt
from bench.measure.norms import pairs
from bench.measure.reference import Reference
from bench.measure.units import units_of
from bench.statistics.intervals import Interval, jackknife


@final
class Cosines:
    """Mean of g · g* / (‖g‖ ‖g*‖) over replicates, by parameter group.

    With a Monte Carlo reference, replicates of group j are multiplied by the reference's group j, and ‖g*‖² is the
    unbiased estimate: noise in g* would shrink the cosine. Leaving out group j of both then shows the errors of both.
    """

    def __init__(self, reference: Reference, slices: dict[str, slice]) -> None:
        self._reference, self._slices = reference, slices
        edges = sorted({edge for where in slices.values() for edge in (where.start, where.stop)})
        # Parameter groups overlap (`all` is φ and θ); each coordinate is read once, in the pieces between all edges.
        self._pieces = [slice(low, high) for low, high in itertools.pairwise(edges)]
        self._units = {name: reference.unit(where) for name, where in slices.items()}
        self._piece_units = [reference.unit(piece) for piece in self._pieces]
        self._members = {
            name: [i for i, piece in enumerate(self._pieces) if where.start <= piece.start and piece.stop <= where.stop]
            for name, where in slices.items()
        }
        self._sums = torch.zeros(len(slices), GROUPS, dtype=torch.float64)

    def update(self, gradients: Tensor, dealt: list[Dealt]) -> None:
        """Add gradients [n, P], dealt out to groups as `Moments.update` says."""
        means = self._reference.means
        for part in dealt:
            by_group = part.split(gradients)
            rows = means if self._reference.counts is None else means[part.groups]
            parts = [
                _Part.of(by_group[..., piece], rows[:, piece], unit)
                for piece, unit in zip(self._pieces, self._piece_units, strict=True)
            ]
            for place, (name, members) in enumerate(self._members.items()):
                cosines = _cosines([parts[member] for member in members], self._units[name])
                self._sums[place, part.groups] += cosines.sum(-1).cpu()

    def interval(self, name: str, counts: Tensor) -> Interval | None:
        """Return the mean cosine for one parameter group, or None where the reference is zero or lost in its noise."""
        sums = self._sums[list(self._slices).index(name)]
        size, without = self._squared_sizes(name)
        if size <= 0 or float(without.min()) <= 0:
            return None
        n = counts.sum()
        full = float(sums.sum() / n) / math.sqrt(size)
        return jackknife(full, (sums.sum() - sums) / (n - counts) / without.sqrt(), counts).clipped(-1.0, 1.0)

    def _squared_sizes(self, name: str) -> tuple[float, Tensor]:
        """Return ‖g*‖² in the square of its unit, and the same without each group of the reference, [G]."""
        products = self._reference.products(self._slices[name], self._units[name])
        if self._reference.counts is None:
            return float(products), products.reshape(1).expand(GROUPS)
        return pairs(products, self._reference.counts)


@dataclass(frozen=True)
class _Part:
    """Some coordinates of gradients [p, k, P], measured in units so that no square vanishes; all are [p, k].

    Attributes:
        dot: product with the reference, in units of both.
        square: squared norm, in the square of the unit.
        unit: of each gradient.
        reference: the reference's unit.
    """

    dot: Tensor
    square: Tensor
    unit: Tensor
    reference: float

    @classmethod
    def of(cls, gradients: Tensor, rows: Tensor, reference: float) -> "_Part":
        """Return the part of gradients [p, k, P], given the references' of the groups, [p, P]."""
        unit = units_of(gradients.abs().amax(-1))
        g = gradients / unit[..., None]
        dot = (g @ (rows[..., None] / reference).to(g))[..., 0].double()
        return cls(dot, torch.linalg.vector_norm(g, dim=-1).double().square(), unit.double(), reference)


def _cosines(parts: list[_Part], reference: float) -> Tensor:
    """Return g · g* / ‖g‖ in units of the reference, [p, k], of gradients in several parts."""
    largest = torch.stack([part.unit for part in parts]).amax(0)
    dot, square = torch.zeros_like(largest), torch.zeros_like(largest)
    for part in parts:
        share = part.unit / largest
        dot += part.dot * share * (part.reference / reference)
        square += part.square * share.square()
    # A gradient of exactly zero points nowhere; its cosine counts as zero.
    return dot / square.sqrt().clamp(min=torch.finfo(torch.float64).tiny)
