"""The mean cosine between replicates of a gradient and the reference gradient."""

import itertools
import math
from typing import final

import torch
from torch import Tensor

from bench.measure.moments import GROUPS, Dealt
from bench.measure.norms import pairs
from bench.measure.reference import Reference
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
        self._members = torch.tensor(
            [[where.start <= p.start and p.stop <= where.stop for p in self._pieces] for where in slices.values()],
            dtype=torch.float64,
        )
        self._sums = torch.zeros(len(slices), GROUPS, dtype=torch.float64)

    def update(self, gradients: Tensor, dealt: list[Dealt]) -> None:
        """Add gradients [n, P], dealt out to groups as `Moments.update` says."""
        means = self._reference.means
        for part in dealt:
            by_group = part.split(gradients)
            rows = means if self._reference.counts is None else means[part.groups]
            dots, squares = [], []
            for piece in self._pieces:
                g = by_group[..., piece]
                dots.append((g @ rows[:, piece, None].to(g))[..., 0])
                squares.append(torch.linalg.vector_norm(g, dim=-1).square())
            members = self._members.to(gradients.device)
            dot, square = (torch.einsum("sa,apk->spk", members, torch.stack(v).double()) for v in (dots, squares))
            # A gradient of exactly zero points nowhere; its cosine counts as zero.
            cosines = dot / square.sqrt().clamp(min=torch.finfo(torch.float64).tiny)
            self._sums[:, part.groups] += cosines.sum(-1).cpu()

    def interval(self, name: str, counts: Tensor) -> Interval | None:
        """Return the mean cosine for one parameter group, or None where the reference is zero or lost in its noise."""
        sums = self._sums[list(self._slices).index(name)]
        size, without = self._squared_sizes(self._slices[name])
        if size <= 0 or float(without.min()) <= 0:
            return None
        n = counts.sum()
        full = float(sums.sum() / n) / math.sqrt(size)
        return jackknife(full, (sums.sum() - sums) / (n - counts) / without.sqrt(), counts).clipped(-1.0, 1.0)

    def _squared_sizes(self, where: slice) -> tuple[float, Tensor]:
        """Return ‖g*‖², and the same without each group of the reference, [G]."""
        products = self._reference.products(where)
        if self._reference.counts is None:
            return float(products), products.reshape(1).expand(GROUPS)
        return pairs(products, self._reference.counts)
