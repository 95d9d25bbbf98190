"""Measure a cell's gradient at given parameters: its batches, its references, its rows in the `gradients` table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, final

import torch
from torch import Tensor

from bench.machine.device import observations
from bench.machine.streams import derive_seed, seeded
from bench.measure.chunk import chunk_size
from bench.measure.measure import Measured, Precision, measure
from bench.measure.reference import Reference, exact_reference, exact_target_reference, monte_carlo_reference
from bench.measure.replicates import LOOP, Replicator
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from bench.results.schema import GradientRow
from bench.settings import Cell
from estimators.base import Estimator
from tasks.base import Data, Target, Task

_NESTED_BATCHES: Final = 20
_REFERENCE_PRECISION: Final = 0.01
_WITH_EVIDENCE: Final = frozenset({"bias_evidence"})
_WITH_REFERENCE: Final = frozenset({"bias", "relative_bias", "mse", "cosine"})


@dataclass
class References:
    """Reference gradients already computed in this process: cells measured at common parameters share them."""

    known: dict[tuple[object, ...], Reference | None] = field(default_factory=dict)

    def get(self, key: tuple[object, ...] | None, compute: Callable[[], Reference | None]) -> Reference | None:
        """Return what is known under a key, computing it the first time; without a key it is computed anew."""
        if key is None:
            return compute()
        if key not in self.known:
            self.known[key] = compute()
        return self.known[key]


@final
class GradientMeter:
    """Measures one cell's gradient at any parameters of its task, always on the same batch.

    Attributes:
        x: the common batch, prepared (binarized) once.
        batches: other batches, for the part of the variance due to the choice of batch.
    """

    def __init__(self, cell: Cell, task: Task, data: Data, references: References) -> None:
        self.cell, self.references = cell, references
        size = min(cell.training.batch_size, len(data.train))
        with seeded(data.train.device, cell.seed, "common batch"):
            self.x = observations(task, _rows(data.train, size))
            whole = size == len(data.train)
            self.batches = (
                [] if whole else [observations(task, _rows(data.train, size)) for _ in range(_NESTED_BATCHES)]
            )

    def measure(
        self, task: Task, estimator: Estimator, step: int, where: str | None, progress: Callable[[float], None]
    ) -> tuple[Measured, list[GradientRow]]:
        """Return the moments at a task's present parameters, and their rows.

        Args:
            task: with the parameters to measure at.
            estimator: with its adaptive state, which stays as it is.
            step: training steps that led to these parameters.
            where: names parameters that several cells are measured at, so that they share reference gradients; None
                for parameters of this cell alone.
            progress: told the share that is done.
        """
        target = estimator.target(task)
        # A target of an estimator's own depends on its parameters: other cells do not share it.
        own = str(self.cell.estimator_spec) if estimator.own_target else ""
        reference = self._shared(where, step, target + own, lambda: self._reference(task, estimator, target, step))
        evidence = self._shared(where, step, "evidence", lambda: exact_reference(task, "evidence", self.x, 1))
        settings = self.cell.measurement
        measured = measure(
            task,
            estimator,
            self.cell.samples,
            self.x,
            self.batches,
            reference,
            evidence,
            Precision(settings.replicates, settings.precision, settings.replicates_cap),
            derive_seed(self.cell.seed, "measure", step),
            (self.cell.task_spec, self.cell.estimator_spec, self.cell.samples, self.cell.dtype),
            progress,
        )
        return measured, _as_rows(measured, step, target)

    def is_finite(self, task: Task, estimator: Estimator, step: int) -> bool:
        """Return whether a gradient drawn here is finite, and so far from overflow that its moments are too."""
        with seeded(self.x.device, self.cell.seed, "finite", step):
            gradient = Replicator(task, estimator, self.cell.samples).draw(self.x, LOOP)
        # The interval of a squared norm takes fourth powers; the eighth leaves room for draws that are larger.
        return bool(gradient.double().norm().pow(8).isfinite())

    def _shared(
        self, where: str | None, step: int, target: str, compute: Callable[[], Reference | None]
    ) -> Reference | None:
        cell = self.cell
        key = (
            where,
            str(cell.task_spec),
            cell.dataset,
            cell.dtype,
            cell.device,
            cell.seed,
            cell.training,
            step,
            target,
        )
        return self.references.get((*key, cell.samples) if where is not None else None, compute)

    def _reference(self, task: Task, estimator: Estimator, target: Target, step: int) -> Reference | None:
        """Return the gradient of the target: exact, else by the unbiased estimator that the task names, else None."""
        exact = exact_target_reference(estimator, task, self.x, self.cell.samples)
        if exact is not None or target not in task.references:
            return exact
        name = task.references[target]
        replicator = Replicator(task, ESTIMATORS.build(parse_spec(name)).to(self.x), self.cell.samples)
        chunk = chunk_size(replicator, self.x, self.cell.task_spec, name, self.cell.samples, self.cell.dtype)
        return monte_carlo_reference(
            replicator,
            self.x,
            chunk,
            name,
            self.cell.measurement.replicates_cap,
            _REFERENCE_PRECISION,
            derive_seed(self.cell.seed, "reference", step),
        )


def _rows(rows: Tensor, size: int) -> Tensor:
    return rows[torch.randperm(len(rows), device=rows.device)[:size]]


def _as_rows(measured: Measured, step: int, target: Target) -> list[GradientRow]:
    def label(metric: str) -> str:
        if metric in _WITH_EVIDENCE:
            return measured.evidence
        return measured.reference if metric in _WITH_REFERENCE else ""

    return [
        GradientRow(
            step=step,
            group=group,
            metric=metric,
            value=interval.value,
            se=interval.se,
            ci_low=interval.low,
            ci_high=interval.high,
            n=measured.replicates,
            reference=label(metric),
            target="evidence" if metric in _WITH_EVIDENCE else target,
            square=interval.square,
        )
        for group, metrics in measured.metrics.items()
        for metric, interval in metrics.items()
    ]
