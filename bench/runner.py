"""Run one cell: train, measure gradient moments at checkpoints, evaluate, record; resume where it was cut off."""

import copy
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch

from bench.checkpoint import Checkpoint, Progress
from bench.device import DTYPES, find_device, observations
from bench.evaluate import evaluate_bounds, evaluate_expectation, evaluate_train
from bench.evidence import evaluate_evidence
from bench.gradients import GradientMeter, References
from bench.random import seeded
from bench.registry import ESTIMATORS, TASKS
from bench.results.atomic import replacing
from bench.results.schema import Final as FinalValues
from bench.results.schema import Record, Status
from bench.results.store import Store
from bench.settings import Cell
from bench.train import Diverged, Trainer
from bench.trajectory import Snapshots, reference_trajectory
from estimators.base import Estimator
from tasks.base import Data, GlobalModel, Task

_SETTLING_STEPS: Final = 100


class Listener(Protocol):
    """Told how far a cell is; the terminal's progress bars are one."""

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        """`done` of `total` of the phase `name` (trajectory, train, measure, evaluate) are over."""

    def warn(self, message: str) -> None:
        """Show a sentence that a reader of the numbers should know."""


def run_cell(cell: Cell, data: Data, store: Store, run: str, listener: Listener, references: References) -> Record:
    """Run a cell to its end and write its record; a training that diverges is recorded as such."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    data = data.to(find_device(cell.device))
    task, estimator = build(cell, data)
    trainer = Trainer(task, estimator, data, cell.training, cell.samples)
    progress = Progress()
    checkpoint = Checkpoint(store.checkpoint_path(cell), trainer, progress)
    status: Status = "done"
    reason, diverged_at = None, None
    with seeded(trainer.device, cell.seed, "training"):
        warning = checkpoint.restore()
        if warning:
            listener.warn(warning)
        try:
            _train_and_measure(cell, task, estimator, data, checkpoint, store.folder, listener, references)
        except Diverged as error:
            status, reason, diverged_at = "diverged", str(error), error.step
    record = Record(
        cell=cell,
        run=run,
        status=status,
        reason=reason,
        started=started,
        seconds=checkpoint.seconds(),
        gradients=progress.gradients,
        training=trainer.rows,
        final=_final(cell, task, data, trainer, progress, diverged_at, listener),
        chunk=progress.chunk,
        notes=progress.notes,
    )
    with replacing(store.parameters_path(cell)) as file:
        torch.save(task.state_dict(), file)
    store.write(record)
    checkpoint.file.unlink(missing_ok=True)
    return record


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


def _train_and_measure(
    cell: Cell,
    task: Task,
    estimator: Estimator,
    data: Data,
    checkpoint: Checkpoint,
    out: Path,
    listener: Listener,
    references: References,
) -> None:
    """Train to the end, measuring on the way (`own`) or afterwards along the reference trajectory (`shared`)."""
    trainer, progress, steps = checkpoint.trainer, checkpoint.progress, measured_steps(cell)
    meter = GradientMeter(cell, task, data, references)
    shared = cell.measurement.at == "shared" and cell.training.steps > 0
    where = None if cell.training.steps else "initial"

    def measure(at: Task, with_estimator: Estimator, step: int, where: str | None) -> None:
        done = len(progress.measured)
        listener.phase("measure", done, len(steps))
        if not meter.is_finite(at, with_estimator, step):
            raise Diverged(step, math.nan)
        measured, rows = meter.measure(
            at, with_estimator, step, where, lambda share: listener.phase("measure", done + share, len(steps))
        )
        progress.gradients += rows
        progress.measured.append(step)
        progress.chunk = measured.chunk
        if measured.loop_reason and not progress.notes:
            progress.notes.append(f"replicates were drawn one by one, since vmap failed: {measured.loop_reason}")
            listener.warn(progress.notes[-1])
        listener.phase("measure", done + 1, len(steps))
        checkpoint.save()

    for stop in [cell.training.steps] if shared else steps:
        for step in trainer.run(stop):
            note = f"{trainer.rows[-1].objective:.4g}" if trainer.rows else ""
            listener.phase("train", step, cell.training.steps, note)
            checkpoint.save_if_due()
        if not shared and stop not in progress.measured:
            # Without training there was nothing that adaptive state could have fitted itself to.
            measure(task, estimator if cell.training.steps else _settled(estimator, task, meter, cell), stop, where)
    if shared:
        initial, _ = build(cell, data)
        by, snapshots = reference_trajectory(
            cell, initial, data, steps, out, lambda step: listener.phase("trajectory", step, cell.training.steps)
        )
        for step in [step for step in steps if step in snapshots and step not in progress.measured]:
            at = _at(initial, snapshots, step)
            measure(at, _settled(estimator, at, meter, cell), step, f"trajectory of {by}")


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
    diverged_at: int | None,
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
        "diverged_at": diverged_at,
    }
    if diverged_at is not None:
        return FinalValues(**values)
    if task.target == "expectation":
        objective = evaluate_expectation(task, data, cell.seed)
        return FinalValues(**values, objective=objective.value, objective_se=objective.se)
    samples = cell.measurement.evaluation_samples
    train = evaluate_train(task, data, cell.seed)
    values |= {"train_elbo": train.value, "train_elbo_se": train.se}
    evidence = evaluate_evidence(task, data, train)
    if evidence is not None:
        gap = evidence.gap
        values |= {"log_evidence": evidence.log_evidence, "gap": gap.value, "gap_se": gap.se}
    if len(data.test) == 0:
        progress.notes.append("the guide has parameters for the training rows only: nothing is known of test data")
        return FinalValues(**values)
    test = evaluate_bounds(
        task,
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
    )
