"""The gradient that an estimate is compared with: exact where the task has it, else Monte Carlo with its own error."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from bench.machine.streams import seeded
from bench.measure.looks import first_look, next_look
from bench.measure.moments import Moments, gram
from bench.measure.norms import Scale, pairs
from bench.measure.replicates import Replicator, gradient_of
from estimators.base import Estimator
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

    def products(self, where: slice) -> Tensor:
        """Return the inner products of the groups' means of one parameter group, [G, G]; [1, 1] where it is exact."""
        return gram(self.means[:, where])

    def squared_norm(self, where: slice) -> Scale:
        """Return the squared norm of one parameter group, unbiased."""
        products = self.products(where)
        if self.counts is None:
            return Scale.exactly(float(products))
        return Scale.jackknifed(*pairs(products, self.counts), self.counts)


def exact_reference(task: Task, target: Target, x: Tensor, samples: int) -> Reference | None:
    """Return the exact gradient of a target, computed in float64, or None where the task has no exact value."""
    return _exact(task, x, lambda precise, inputs: precise.exact(target, inputs, samples))


def exact_target_reference(estimator: Estimator, task: Task, x: Tensor, samples: int) -> Reference | None:
    """Return the exact gradient of an estimator's own target, in float64, or None where nothing gives it."""
    return _exact(task, x, lambda precise, inputs: estimator.exact(precise, inputs, samples))


def _exact(task: Task, x: Tensor, exact: Callable[[Task, Tensor], Tensor | None]) -> Reference | None:
    precise = copy.deepcopy(task).double()
    value = exact(precise, x.double())
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
    look = first_look(chunk)
    with seeded(x.device, seed, "reference", name):
        while True:
            while moments.replicates < look:
                moments.update(replicator.draw(x, chunk))
            error = relative_error(moments, everything)
            if error <= precision or moments.replicates >= cap:
                break
            look = min(cap, next_look(moments.replicates, error / precision))
    return Reference(moments.mean, moments.counts, f"{name} (Monte Carlo, ±{100 * error:.2g}%)")


def relative_error(moments: Moments, where: slice) -> float:
    """Return the standard error of the mean gradient relative to its norm."""
    summary = moments.summary(where)
    groups = len(summary.counts)
    error = float(summary.centred.trace()) / groups / (groups - 1)
    size, _ = pairs(summary.means, summary.counts)
    return math.sqrt(error / size) if size > 0 else math.inf
