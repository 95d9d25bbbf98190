"""The mean gradient itself, coordinate by coordinate, where there are few: to be compared with published values."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bench.measure.moments import Moments
from bench.measure.reference import Reference
from bench.statistics.intervals import Interval, jackknife

LIMIT: Final = 32
"""A gradient of more coordinates is known by its norms alone: each takes two rows of a record at every step."""


def coordinate_names(parameters: Mapping[str, Tensor]) -> list[str]:
    """Return a name for each coordinate of a gradient, [P], such as `guide.loc[0]`, or the parameter's if a number.

    >>> import torch
    >>> from bench.measure.means import coordinate_names
    >>> coordinate_names({"guide.loc": torch.zeros(2), "model.scale": torch.zeros(()), "model.w": torch.zeros(1, 2)})
    ['guide.loc[0]', 'guide.loc[1]', 'model.scale', 'model.w[0,0]', 'model.w[0,1]']
    """
    return [
        f"{name}[{','.join(map(str, place))}]" if place else name
        for name, value in parameters.items()
        for place in np.ndindex(*value.shape)
    ]


def mean_gradient(moments: Moments, unseen: Sequence[slice] = ()) -> list[Interval]:
    """Return the mean of each coordinate over all replicates, [P].

    Args:
        moments: of the replicates.
        unseen: coordinates of which nothing is known where their replicates are all equal: an event that was not seen
            may have moved the mean anywhere.
    """
    found: list[Interval] = []
    for columns, block in moments.blocks(slice(0, moments.size)):
        without = _without_each(block.offsets.cpu(), moments.counts)
        for place, (centre, unit) in enumerate(zip(block.centre.tolist(), block.unit.tolist(), strict=True)):
            about = jackknife(0.0, without[:, place], moments.counts).scaled(unit)
            coordinate = columns.start + place
            if about.se == 0 and any(where.start <= coordinate < where.stop for where in unseen):
                about = Interval(0.0, torch.inf, -torch.inf, torch.inf)
            found.append(_moved(about, centre))
    return found


def true_gradient(reference: Reference) -> list[Interval]:
    """Return each coordinate of a reference gradient, [P], with the error of one that is itself a mean."""
    if reference.counts is None:
        return [Interval.exactly(value) for value in reference.means[0].tolist()]
    mean = reference.mean.double()
    without = _without_each((reference.means.double() - mean).cpu(), reference.counts)
    return [
        _moved(jackknife(0.0, without[:, place], reference.counts), value) for place, value in enumerate(mean.tolist())
    ]


def _without_each(offsets: Tensor, counts: Tensor) -> Tensor:
    """Return by how much the mean moves without each group, [G, P], of groups' means about it."""
    n = counts[:, None]
    return -offsets * (n / (n.sum() - n))


def _moved(interval: Interval, by: float) -> Interval:
    return Interval(interval.value + by, interval.se, interval.low + by, interval.high + by)
