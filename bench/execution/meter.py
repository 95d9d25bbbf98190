"""Measure a cell's gradient at given parameters: its batches, its references, its rows in the `gradients` table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar, final

import torch
from torch import Tensor

from bench.execution.measured import measured_steps
from bench.execution.rows import gradient_rows
from bench.machine.device import observations
from bench.machine.streams import derive_seed, seeded
from bench.measure.measure import Measured, measure
from bench.measure.moments import NotFinite
from bench.measure.point import Point
from bench.measure.reference import (
    Reference,
    References,
    exact_reference,
    exact_target_reference,
    monte_carlo_reference,
)
from bench.measure.replicates import LOOP, Replicator, parameter_slices
from bench.measure.stopping import FIRST, Stopping
from bench.names.building import named_reference
from bench.results.schema import GradientRow
from bench.settings import Cell
from bench.training.diverged import GREEK, Diverged
from estimators import distributions
from estimators.base import Estimator
from estimators.draw import probe
from tasks.base import Data, Target, Task

T = TypeVar("T")

_NESTED_BATCHES: Final = 20
_LOOKED_AT: Final = 40
"""Replicates that are drawn to say in how many the gradient is not finite, once one is not."""
_REFERENCE_PRECISION: Final = 0.01


@dataclass
class KnownReferences:
    """What is known in this process of parameters that several cells share: reference gradients, final values."""

    known: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def get(self, key: tuple[object, ...], compute: Callable[[], T]) -> T:
        """Return what is known under a key, computing it the first time."""
        if key not in self.known:
            self.known[key] = compute()
        return self.known[key]


@dataclass(frozen=True)
class Where:
    """Parameters at which a gradient is measured.

    Attributes:
        step: training steps that led to them.
        trajectory: names parameters that several cells are measured at, so that they share reference gradients; None
            for those of a cell's own training.
    """

    step: int
    trajectory: str | None = None

    def __str__(self) -> str:
        if self.step == 0:
            return "at the initial parameters"
        return f"at step {self.step} of {'the reference trajectory' if self.trajectory else 'its own training'}"


@final
class GradientMeter:
    """Measures one cell's gradient at any parameters of its task, always on the same batch.

    Gradients are drawn as training draws them, in the task's `train` mode (dropout adds to their variance); what is
    exact is computed in `eval` mode.

    Attributes:
        x: the common batch, prepared (binarized) once.
        batches: other batches, for the part of the variance due to the choice of batch.
        chunks: how many replicates are drawn at once, by what is drawn, once that is known.
    """

    def __init__(self, cell: Cell, task: Task, data: Data, references: KnownReferences) -> None:
        self.cell, self.references = cell, references
        self.chunks: dict[str, int] = {}
        self._points = len(measured_steps(cell))
        size = min(cell.training.batch_size, len(data.train))
        with seeded(data.train.device, cell.seed, "common batch"):
            self.x = observations(task, _rows(data.train, size))
            whole = size == len(data.train)
            self.batches = (
                [] if whole else [observations(task, _rows(data.train, size)) for _ in range(_NESTED_BATCHES)]
            )

    @property
    def _replicates(self) -> int:
        """How many are drawn at least, at all steps together."""
        return (self.cell.measurement.replicates or FIRST) * self._points

    @distributions.without_validation()
    def measure(
        self, task: Task, estimator: Estimator, where: Where, tell: Callable[[str, float], None]
    ) -> tuple[Measured, list[GradientRow]]:
        """Return the moments at a task's present parameters, and their rows.

        Args:
            task: with the parameters to measure at.
            estimator: with its adaptive state, which stays as it is.
            where: what these parameters are.
            tell: told of `reference`, if that has to be drawn, and then of `measure` the share that is done.

        Raises:
            Diverged: the gradient is not finite, or near overflow.
        """
        self._require_measurable(task, estimator, where)
        target = estimator.target(task)
        # A target of an estimator's own depends on its parameters: other cells do not share it.
        own = str(self.cell.estimator_spec) if estimator.own_target else ""
        references = References(
            self._known(where, target + own, lambda: self._reference(task, estimator, target, where, tell)),
            self._known(where, "evidence", lambda: exact_reference(task, "evidence", self.x, 1)),
        )
        cell, settings = self.cell, self.cell.measurement
        identity = (cell.task_spec, cell.estimator_spec, cell.samples, cell.dtype)
        share, batches = 1 / self._points, self.batches
        try:
            measured = measure(
                Point(task, estimator, cell.samples, self.x, batches, identity, self.chunks, self._replicates, share),
                references,
                Stopping(settings.replicates, settings.precision, settings.replicates_cap),
                derive_seed(cell.seed, "measure", where.step),
                partial(tell, "measure"),
            )
        except NotFinite as found:
            raise Diverged(_said_of(found, task), str(where), where.step) from found
        labels = measured.reference, measured.evidence
        means = {name: {"mean": interval} for name, interval in measured.means.items()}
        truths = {name: {"true_gradient": interval} for name, interval in measured.truths.items()}
        return measured, [
            *gradient_rows(measured.metrics, where.step, measured.replicates, target, *labels),
            *gradient_rows(means, where.step, measured.replicates, target, *labels),
            *gradient_rows(truths, where.step, measured.reference_replicates, target, *labels),
        ]

    def beyond(self, task: Task, where: Where) -> dict[str, str]:
        """Return by site, for the common batch, why draws of the guide cannot be held in their dtype, if they cannot.

        A guide that was fit to start with may have been trained to such parameters.
        """
        with seeded(self.x.device, self.cell.seed, "sites", where.step):
            sites = probe(task.guide, self.x).sites
        found = {site: distributions.beyond(drawn.distribution) for site, drawn in sites.items()}
        return {site: f"{where}, {reason}" for site, reason in found.items() if reason}

    def not_finite(self, task: Task, estimator: Estimator, step: int) -> str | None:
        """Return what is not finite in gradients drawn here, or None if all are finite."""
        gradient, slices = self._drawn(task, estimator, step)
        if bool(gradient.isfinite().all()):
            return None
        return _not_finite(self._drawn(task, estimator, step, _LOOKED_AT)[0], slices)

    def _require_measurable(self, task: Task, estimator: Estimator, where: Where) -> None:
        gradient, _ = self._drawn(task, estimator, where.step)
        norm = gradient.norm()
        # Variances are squares; the cube leaves room for draws that are larger.
        if bool(norm.pow(3).isfinite()):
            return
        large = f"the norm of the gradient was {float(norm):.2g}, too large to measure,"
        what = self.not_finite(task, estimator, where.step) or large
        raise Diverged(what, str(where), where.step)

    def _drawn(self, task: Task, estimator: Estimator, step: int, count: int = 1) -> tuple[Tensor, dict[str, slice]]:
        """Return gradients in float64, [n, P], the same at every call, and where each parameter group lies in them."""
        with seeded(self.x.device, self.cell.seed, "finite", step):
            replicator = Replicator(task, estimator, self.cell.samples)
            rows = [replicator.draw(self.x, LOOP) for _ in range(count)]
            return torch.cat(rows).double(), replicator.slices

    def _known(self, where: Where, target: str, compute: Callable[[], Reference | None]) -> Reference | None:
        if where.trajectory is None:
            return compute()
        cell = self.cell
        task = (str(cell.task_spec), cell.dataset, cell.dtype, cell.device, cell.seed, cell.training)
        return self.references.get((where, task, cell.samples, target), compute)

    def _reference(
        self, task: Task, estimator: Estimator, target: Target, where: Where, tell: Callable[[str, float], None]
    ) -> Reference | None:
        """Return the gradient of the target: exact, else by the unbiased estimator that the task names, else None."""
        exact = exact_target_reference(estimator, task, self.x, self.cell.samples)
        # The unbiased estimator of a target is none of what an estimator makes of that target.
        if exact is not None or estimator.own_target or (named := named_reference(task, target, self.x)) is None:
            return exact
        name, unbiased = named
        cell = self.cell
        # More samples than the cell's K make no other reference where they are needed: `require_references`.
        samples = max(cell.samples, unbiased.minimum_samples)
        identity = (cell.task_spec, name, samples, cell.dtype)
        point = Point(task, unbiased, samples, self.x, (), identity, self.chunks, self._replicates)
        cap, seed = cell.measurement.replicates_cap, derive_seed(cell.seed, "reference", where.step)
        try:
            return monte_carlo_reference(
                point, name, _REFERENCE_PRECISION, cap, seed, progress=partial(tell, "reference")
            )
        except NotFinite as found:
            what = f"of the reference, {name}, {_said_of(found, task)}"
            raise Diverged(what, str(where), where.step) from found


def _said_of(found: NotFinite, task: Task) -> str:
    return _not_finite(found.gradients, parameter_slices(task), found.before) or str(found)


def _not_finite(gradients: Tensor, slices: dict[str, slice], before: int = 0) -> str | None:
    """Return in which parameter groups and in how many replicates [n, P] gradients are not finite; None if all are.

    `before` is how many others were well.
    """
    groups = {letter: slices[group] for group, letter in GREEK.items() if group in slices}
    wrong = {letter: ~gradients[:, where].isfinite().all(1) for letter, where in groups.items()}
    named = [letter for letter, rows in wrong.items() if bool(rows.any())]
    if not named:
        return None
    count = int(torch.stack([wrong[letter] for letter in named]).any(0).sum())
    of = f"in {count} of {before + len(gradients)} replicates"
    return f"the gradient in {' and '.join(named)} was not finite {of}"


def _rows(rows: Tensor, size: int) -> Tensor:
    return rows[torch.randperm(len(rows), device=rows.device)[:size]]
