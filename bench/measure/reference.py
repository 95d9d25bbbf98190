"""The gradient that an estimate is compared with: exact where the task has it, else Monte Carlo with its own error."""

import copy
import math
from dataclasses import dataclass

from torch import Tensor

from bench.measure.intervals import Interval, squared_norm
from bench.measure.moments import GROUPS, Moments, gram
from bench.measure.replicates import Replicator, gradient_of
from bench.random import seeded
from tasks.base import Target, Task


@dataclass(frozen=True)
class Reference:
    """A reference gradient.

    Attributes:
        means: [G, P] means of independent groups of replicates; [1, P] where it is exact.
        counts: replicates per group, [G]; None where it is exact.
        label: what it is, for the `reference` column.
    """

    means: Tensor
    counts: Tensor | None
    label: str

    @property
    def mean(self) -> Tensor:
        """The reference gradient itself, [P]."""
        if self.counts is None:
            return self.means[0]
        return (self.counts / self.counts.sum()).to(self.means) @ self.means

    def squared_norm(self, where: slice) -> Interval:
        """Return the squared norm of one parameter group, unbiased."""
        products = gram(self.means[:, where])
        if self.counts is None:
            value = float(products)
            return Interval(value, 0.0, value, value)
        return squared_norm(products, self.counts)


def exact_reference(task: Task, target: Target, x: Tensor, samples: int) -> Reference | None:
    """Return the exact gradient of a target, computed in float64, or None where the task has no exact value."""
    precise = copy.deepcopy(task).double()
    inputs = x.double()
    value = precise.exact(target, inputs, samples)
    # A quadrature that did not converge says so by NaN.
    if value is None or not bool(value.isfinite().all()):
        return None
    return Reference(gradient_of(value.mean(), precise)[None], None, "exact")


def monte_carlo_reference(
    replicator: Replicator, x: Tensor, chunk: int, name: str, cap: int, precision: float, seed: int
) -> Reference:
    """Return the mean of an unbiased estimator, drawn until its relative error is `precision` or `cap` is reached."""
    moments = Moments(replicator.size, x.dtype, x.device)
    everything = replicator.slices["all"]
    with seeded(x.device, seed, "reference", name):
        while True:
            for _ in range(GROUPS if chunk < GROUPS else 1):
                moments.update(replicator.draw(x, chunk))
            error = relative_error(moments, everything)
            if error <= precision or moments.replicates >= cap:
                break
    return Reference(moments.mean, moments.counts, f"{name} (Monte Carlo, ±{100 * error:.2g}%)")


def relative_error(moments: Moments, where: slice) -> float:
    """Return the standard error of the mean gradient relative to its norm."""
    summary = moments.summary(where)
    groups = len(summary.counts)
    error = float(summary.centred.trace()) / groups / (groups - 1)
    size = squared_norm(summary.means, summary.counts).value
    return math.sqrt(error / size) if size > 0 else math.inf
