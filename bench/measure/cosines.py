"""The mean cosine between replicates of a gradient and the reference gradient."""

import itertools
import math
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from bench.measure.moments import GROUPS, Dealt
from bench.measure.norms import pairs
from bench.measure.reference import Reference
from bench.measure.units import units_of
from bench.statistics.intervals import Interval, jackknife

_COMFORTABLE: Final = 1e12
"""A norm below this, and above its inverse, has lost no part to underflow or overflow that would count."""


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
        # Where gradients are: a GPU is not waited for until all are added.
        self._sums = torch.zeros(len(slices), GROUPS, dtype=torch.float64, device=reference.means.device)
        # By the first of the rows; of the chunk that is being read.
        self._parts: list[dict[int, _Part]] = [{} for _ in self._pieces]

    def read(self, columns: slice, numbers: Tensor, dealt: list[Dealt]) -> None:
        """Take some columns, [n, width], of a chunk of gradients that were dealt out to groups."""
        means = self._reference.means
        for piece, unit, parts in zip(self._pieces, self._piece_units, self._parts, strict=True):
            low, high = max(piece.start, columns.start), min(piece.stop, columns.stop)
            if low >= high:
                continue
            within = numbers[:, low - columns.start : high - columns.start]
            for part in dealt:
                rows = means if self._reference.counts is None else means[part.groups]
                found = _Part.of(part.split(within), rows[:, low:high], unit)
                before = parts.get(part.rows.start)
                parts[part.rows.start] = found if before is None else before.plus(found)

    def close(self, dealt: list[Dealt]) -> None:
        """Add the chunk of which all columns have been read."""
        for part in dealt:
            for place, (name, members) in enumerate(self._members.items()):
                parts = [self._parts[member][part.rows.start] for member in members]
                self._sums[place, part.groups] += _cosines(parts, self._units[name]).sum(-1)
        self._parts = [{} for _ in self._pieces]

    def interval(self, name: str, counts: Tensor) -> Interval | None:
        """Return the mean cosine for one parameter group, or None where the reference is zero or lost in its noise."""
        sums = self._sums[list(self._slices).index(name)].cpu()
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
        unit: of each gradient; None where that is one.
        reference: the reference's unit.
    """

    dot: Tensor
    square: Tensor
    unit: Tensor | None
    reference: float

    @classmethod
    def of(cls, gradients: Tensor, rows: Tensor, reference: float) -> "_Part":
        """Return the part of gradients [p, k, P], given the references' of the groups, [p, P]."""
        rows = (rows[..., None] / reference).to(gradients)
        size, unit = torch.linalg.vector_norm(gradients, dim=-1), None
        # Read at once: each time a GPU is waited for.
        smallest, greatest = torch.stack(torch.aminmax(size)).tolist()
        if smallest < 1 / _COMFORTABLE or greatest > _COMFORTABLE:
            unit = units_of(gradients.abs().amax(-1))
            gradients = gradients / unit[..., None]
            size, unit = torch.linalg.vector_norm(gradients, dim=-1), unit.double()
        return cls((gradients @ rows)[..., 0].double(), size.double().square(), unit, reference)

    def plus(self, other: "_Part") -> "_Part":
        """Return both parts as one; the reference's unit is the same."""
        if self.unit is None and other.unit is None:
            return _Part(self.dot + other.dot, self.square + other.square, None, self.reference)
        unit = torch.maximum(self.units, other.units)
        one, two = self.units / unit, other.units / unit
        dot, square = self.dot * one + other.dot * two, self.square * one.square() + other.square * two.square()
        return _Part(dot, square, unit, self.reference)

    @property
    def units(self) -> Tensor:
        """The unit of each gradient, [p, k]."""
        return torch.ones_like(self.dot) if self.unit is None else self.unit


def _cosines(parts: list[_Part], reference: float) -> Tensor:
    """Return g · g* / ‖g‖ in units of the reference, [p, k], of gradients in several parts."""
    largest = torch.stack([part.units for part in parts]).amax(0)
    dot, square = torch.zeros_like(largest), torch.zeros_like(largest)
    for part in parts:
        share = part.units / largest
        dot += part.dot * share * (part.reference / reference)
        square += part.square * share.square()
    # A gradient of exactly zero points nowhere; its cosine counts as zero.
    return dot / square.sqrt().clamp(min=torch.finfo(torch.float64).tiny)
