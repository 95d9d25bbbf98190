"""Run one cell: train, measure gradient moments at checkpoints, evaluate, record; resume where it was cut off."""

import copy
import math
from datetime import UTC, datetime
from typing import Final, Protocol, final

import numpy as np
import torch

from bench.evaluation.active_units import active_units
from bench.evaluation.bounds import evaluate_bounds, evaluate_expectation, evaluate_objective, evaluate_train
from bench.evaluation.evidence import evaluate_evidence
from bench.execution.checkpoint import Checkpoint, Progress
from bench.execution.meter import GradientMeter, References
from bench.execution.trajectory import Snapshots, reference_trajectory
from bench.machine.device import DTYPES, find_device, observations
from bench.machine.matmul import multiplied_by_onednn, onednn_pays
from bench.machine.streams import Stream, seeded
from bench.names.registry import ESTIMATORS, TASKS
from bench.results.atomic import replacing
from bench.results.schema import Final as FinalValues
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell
from bench.training.trainer import Diverged, Trainer
from estimators.base import Estimator
from tasks.base import Data, GlobalModel, Task

_SETTLING_STEPS: Final = 100


class Listener(Protocol):
    """Told how far a cell is; the terminal's progress bars are one."""

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        """`done` of `total` of the phase `name` (trajectory, train, measure, evaluate) are over."""

    def warn(self, message: str) -> None:
        """Show a sentence that a reader of the numbers should know."""


@final
class CellRun:
    """One cell on its way: trained to each step at which its moments are measured, then evaluated and recorded.

    Attributes:
        stops: the steps that it is trained to.
        onednn: whether oneDNN is to multiply its float32 matrices.
    """

    def __init__(
        self,
        cell: Cell,
        data: Data,
        store: Store,
        run: str,
        listener: Listener,
        references: References,
        stream: Stream | None = None,
    ) -> None:
        self.cell, self.store, self.run, self.listener = cell, store, run, listener
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.data = data.to(find_device(cell.device))
        self.task, self.estimator = build(cell, self.data)
        self.trainer = Trainer(self.task, self.estimator, self.data, cell.training, cell.samples, stream)
        self.onednn = onednn_pays(self.task, cell.training.batch_size * cell.samples)
        self.progress = Progress()
        self.checkpoint = Checkpoint(store.checkpoint_path(cell), self.trainer, self.progress)
        self.meter = GradientMeter(cell, self.task, self.data, references)
        self._steps = measured_steps(cell)
        self._shared = cell.measurement.at == "shared" and cell.training.steps > 0
        self.stops = [cell.training.steps] if self._shared else self._steps

    def restore(self) -> None:
        """Continue from the cell's checkpoint where there is one, on the random stream that training draws from."""
        warning = self.checkpoint.restore()
        if warning:
            self.listener.warn(warning)

    def show_training(self, step: int) -> None:
        """Tell the listener how far training is."""
        note = f"{self.trainer.rows[-1].objective:.4g}" if self.trainer.rows else ""
        self.listener.phase("train", step, self.cell.training.steps, note)

    def arrive(self, stop: int) -> None:
        """Measure where the cell's own training has got to.

        Raises:
            Diverged: the gradient is not finite, or near overflow.
        """
        if self._shared or stop in self.progress.measured:
            return
        if self.cell.training.steps:
            self._measure(self.task, self.estimator, stop, None)
        else:
            # Without training there was nothing that adaptive state could have fitted itself to.
            self._measure(self.task, _settled(self.estimator, self.task, self.meter, self.cell), stop, "initial")

    def measure_shared(self) -> None:
        """Measure along the reference trajectory, where the cell is to be measured there.

        Raises:
            Diverged: the gradient is not finite, or near overflow.
        """
        if not self._shared:
            return
        initial, _ = build(self.cell, self.data)
        steps = self.cell.training.steps
        by, snapshots = reference_trajectory(
            self.cell,
            initial,
            self.data,
            self._steps,
            self.store.folder,
            lambda step: self.listener.phase("trajectory", step, steps),
        )
        for step in self._steps:
            if step in snapshots and step not in self.progress.measured:
                at = _at(initial, snapshots, step)
                self._measure(at, _settled(self.estimator, at, self.meter, self.cell), step, f"trajectory of {by}")

    def finish(self, diverged: Diverged | None) -> Record:
        """Evaluate what was trained, write the record and the parameters, and return the record."""
        record = Record(
            cell=self.cell,
            run=self.run,
            status="diverged" if diverged else "done",
            reason=str(diverged) if diverged else None,
            started=self.started,
            seconds=self.checkpoint.seconds(),
            gradients=self.progress.gradients,
            training=self.trainer.rows,
            final=_final(self.cell, self.task, self.data, self.trainer, self.progress, diverged, self.listener),
            chunk=self.progress.chunk,
            notes=[*self.progress.notes, *(["oneDNN multiplied float32 matrices"] if self.onednn else [])],
        )
        with replacing(self.store.parameters_path(self.cell)) as file:
            torch.save(self.task.state_dict(), file)
        self.store.write(record)
        self.checkpoint.file.unlink(missing_ok=True)
        return record

    def _measure(self, task: Task, estimator: Estimator, step: int, where: str | None) -> None:
        progress, total = self.progress, len(self._steps)
        done = len(progress.measured)
        self.listener.phase("measure", done, total)
        if not self.meter.is_finite(task, estimator, step):
            raise Diverged(step, math.nan)
        measured, rows = self.meter.measure(
            task, estimator, step, where, lambda share: self.listener.phase("measure", done + share, total)
        )
        progress.gradients += rows
        progress.measured.append(step)
        progress.chunk = measured.chunk
        if measured.loop_reason and not progress.notes:
            progress.notes.append(f"replicates were drawn one by one, since vmap failed: {measured.loop_reason}")
            self.listener.warn(progress.notes[-1])
        self.listener.phase("measure", done + 1, total)
        self.checkpoint.save()


def run_cell(cell: Cell, data: Data, store: Store, run: str, listener: Listener, references: References) -> Record:
    """Run a cell to its end and write its record; a training that diverges is recorded as such."""
    one = CellRun(cell, data, store, run, listener, references)
    diverged = None
    with multiplied_by_onednn(one.onednn):
        with seeded(one.trainer.device, cell.seed, "training"):
            one.restore()
            try:
                for stop in one.stops:
                    for step in one.trainer.run(stop):
                        one.show_training(step)
                        if one.checkpoint.due:
                            one.checkpoint.save()
                    one.arrive(stop)
                one.measure_shared()
            except Diverged as reason:
                diverged = reason
        return one.finish(diverged)


def build(cell: Cell, data: Data) -> tuple[Task, Estimator]:
    """Return a cell's task and estimator at the initial parameters that its seed fixes."""
    device = find_device(cell.device)
    with seeded(torch.device("cpu"), cell.seed, "initial parameters"):
        task = TASKS.build(cell.task_spec)
        task.initialise(data)
    with seeded(torch.device("cpu"), cell.seed, "initial estimator"):
        estimator = ESTIMATORS.build(cell.estimator_spec)
        # A network that reads an observation made of many rows must have room for all of them.
        count = cell.training.batch_size if isinstance(task.model, GlobalModel) else 1
        estimator.prepare(task, observations(task, data.train[:count].cpu()))
    return task.to(device, DTYPES[cell.dtype]), estimator.to(device, DTYPES[cell.dtype])


def measured_steps(cell: Cell) -> list[int]:
    """Return the training steps at which moments are measured: 0 and log-spaced ones up to the last."""
    steps, points = cell.training.steps, cell.measurement.checkpoints
    if steps == 0 or points == 1:
        return [steps]
    spaced = np.geomspace(min(10, steps), steps, max(1, points - 1)).round().astype(int)
    return sorted({0, *map(int, spaced), steps})


def _at(task: Task, snapshots: Snapshots, step: int) -> Task:
    moved = copy.deepcopy(task)
    moved.load_state_dict(snapshots[step])
    return moved


def _settled(estimator: Estimator, task: Task, meter: GradientMeter, cell: Cell) -> Estimator:
    """Return a copy whose adaptive state and learned parts fit the parameters that it is measured at.

    Those of its own training belong to other parameters; θ and φ stay as they are.
    """
    estimator = copy.deepcopy(estimator)
    learned = [parameter for parameter in estimator.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=cell.training.guide_lr) if learned else None
    with seeded(meter.x.device, cell.seed, "settling"):
        for _ in range(_SETTLING_STEPS):
            estimate = estimator.estimate(task, meter.x, cell.samples)
            if optimizer is not None and estimate.auxiliary is not None:
                gradients = torch.autograd.grad(estimate.auxiliary, learned, allow_unused=True)
                for parameter, gradient in zip(learned, gradients, strict=True):
                    parameter.grad = gradient
                optimizer.step()
            estimator.observe(estimate)
    return estimator


def _final(
    cell: Cell,
    task: Task,
    data: Data,
    trainer: Trainer,
    progress: Progress,
    diverged: Diverged | None,
    listener: Listener,
) -> FinalValues | None:
    """Evaluate the trained parameters; nothing was trained without steps, and nothing is left after a divergence."""
    steps = trainer.progress.step
    if steps == 0:
        return None
    evaluations = [row.value for row in progress.gradients if row.metric == "evaluations"]
    values = {
        "unit": task.unit,
        "steps": steps,
        "seconds_per_step": trainer.progress.seconds / steps,
        "evaluations": evaluations[-1] if evaluations else None,
        "seeds_together": trainer.progress.together,
        "diverged_at": diverged.step if diverged else None,
    }
    if diverged is not None:
        return FinalValues(**values)
    if task.target == "expectation":
        objective = evaluate_expectation(task, data, cell.seed)
        return FinalValues(**values, objective=objective.value, objective_se=objective.se)
    if task.beta != 1:
        objective = evaluate_objective(task, data, cell.seed)
        values |= {"objective": objective.value, "objective_se": objective.se}
    samples = cell.measurement.evaluation_samples
    plain = task.evaluated()
    train = evaluate_train(plain, data, cell.seed)
    values |= {"train_elbo": train.value, "train_elbo_se": train.se}
    evidence = evaluate_evidence(plain, data, train)
    if evidence is not None:
        gap = evidence.gap
        values |= {"log_evidence": evidence.log_evidence, "gap": gap.value, "gap_se": gap.se}
    if len(data.test) == 0:
        progress.notes.append("the guide has parameters for the training rows only: nothing is known of test data")
        return FinalValues(**values)
    test = evaluate_bounds(
        plain,
        data.test,
        samples,
        cell.seed,
        "test",
        lambda share: listener.phase("evaluate", share, 1.0, f"{samples} samples"),
    )
    return FinalValues(
        **values,
        test_elbo=test.elbo.value,
        test_elbo_se=test.elbo.se,
        test_log_likelihood=test.log_likelihood.value,
        test_log_likelihood_se=test.log_likelihood.se,
        evaluation_samples=samples,
        active_units=active_units(plain, data.test, cell.seed),
    )
