"""The gradient with which an estimate is compared: exact if the task has it, else Monte Carlo with its own error."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bench.machine.streams import seeded
from bench.measure.moments import ROUNDING, Moments
from bench.measure.norms import Scale, pairs
from bench.measure.point import Point
from bench.measure.replicates import LOOP, gradient_of
from bench.measure.rounding import rounding_of
from bench.measure.stopping import Progress, Stopping, draw_until_precise, first_look
from bench.measure.summary import gram
from bench.measure.units import largest, unit_of
from estimators.base import Estimator
from tasks.base import Target, Task


@dataclass(frozen=True)
class Reference:
    """A reference gradient.

    Attributes:
        means: [G, P] means of independent groups of replicates; [1, P] where it is exact.
        counts: replicates per group, [G]; None where it is exact.
        label: what it is, for the `reference` column.
        rounding: of each coordinate, [P], where it is known; what is below it is zero.
    """

    means: Tensor
    counts: Tensor | None
    label: str
    rounding: Tensor | None = None

    @property
    def replicates(self) -> int:
        """The number of gradients in the mean; zero if it is exact."""
        return 0 if self.counts is None else int(self.counts.sum())

    @property
    def mean(self) -> Tensor:
        """The reference gradient itself, [P]."""
        if self.counts is None:
            return self.means[0]
        return (self.counts / self.counts.sum()).to(self.means) @ self.means

    def unit(self, where: slice) -> float:
        """Return the unit that one parameter group is of the size of."""
        return unit_of(largest(self.means[:, where]))

    def products(self, where: slice, unit: float = 1.0) -> Tensor:
        """Return the inner products of the groups' means of one parameter group, [G, G]; [1, 1] where it is exact."""
        return gram(self.means[:, where], unit)

    def squared_norm(self, where: slice, unit: float = 1.0) -> Scale:
        """Return the squared norm of one parameter group in the square of a unit, unbiased."""
        products = self.products(where, unit)
        if self.counts is None:
            return Scale.exactly(float(products))
        return Scale.jackknifed(*pairs(products, self.counts), self.counts)


@dataclass(frozen=True)
class References:
    """The gradients that an estimate is compared with, each None where nothing gives it.

    Attributes:
        target: of the estimator's target.
        evidence: of log p(x).
    """

    target: Reference | None = None
    evidence: Reference | None = None


def exact_reference(task: Task, target: Target, x: Tensor, samples: int) -> Reference | None:
    """Return the exact gradient of a target, computed in float64, or None where the task has no exact value."""
    return _exact(task, x, lambda precise, inputs: precise.exact(target, inputs, samples))


def exact_target_reference(estimator: Estimator, task: Task, x: Tensor, samples: int) -> Reference | None:
    """Return the exact gradient of an estimator's own target, in float64, or None where nothing gives it."""
    return _exact(task, x, lambda precise, inputs: estimator.exact(precise, inputs, samples))


def _exact(task: Task, x: Tensor, exact: Callable[[Task, Tensor], Tensor | None]) -> Reference | None:
    # In `eval` mode: one draw of dropout is no exact answer.
    precise, inputs = copy.deepcopy(task).double().eval(), x.double()

    def again() -> Tensor:
        value = exact(precise, inputs)
        return torch.zeros(()) if value is None else gradient_of(value.mean(), precise)

    value = exact(precise, inputs)
    # A quadrature that did not converge says so by NaN.
    if value is None or not bool(value.isfinite().all()):
        return None
    gradient, rounding = gradient_of(value.mean(), precise), rounding_of(again, x.device)
    return Reference((gradient * (gradient.abs() > ROUNDING * rounding))[None], None, "exact", rounding)


def monte_carlo_reference(
    point: Point, name: str, precision: float, cap: int, seed: int, progress: Progress = lambda share: None
) -> Reference:
    """Return the mean of an unbiased estimator, drawn until its relative error is small enough.

    Args:
        point: the estimator, where it is drawn.
        name: of the estimator.
        precision: the relative error to stop at.
        cap: the most replicates, except for what the first look and whole chunks need.
        seed: of its random stream.
        progress: told the share that is done.
    """
    replicator, chunk = point.replicator(first_look(LOOP))
    moments = Moments(replicator.size, point.x.dtype, point.x.device)
    error = partial(relative_error, where=replicator.slices["all"])
    stopping = Stopping(None, precision, max(cap, first_look(chunk)), whole=chunk)
    with seeded(point.x.device, seed, "reference", name):
        for _ in draw_until_precise(moments, replicator, point.x, chunk, stopping, error, progress):
            pass
    label = f"{name} (Monte Carlo, ±{100 * error(moments):.2g}%)"
    return Reference(moments.mean, moments.counts, label)


def relative_error(moments: Moments, where: slice) -> float:
    """Return the standard error of the mean gradient relative to its norm."""
    summary = moments.summary(where)
    groups = len(summary.counts)
    error = float(summary.centred.trace()) / groups / (groups - 1)
    size, _ = pairs(summary.means, summary.counts)
    return math.sqrt(error / size) if size > 0 else math.inf
