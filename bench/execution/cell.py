"""One cell: what is measured at which steps, how it is evaluated and recorded, where it continues if cut off."""

import copy
from datetime import UTC, datetime
from typing import Any, Final, final

from bench.evaluation.points import Points
from bench.execution.checkpoint import Checkpoint, Progress
from bench.execution.final import Evaluated, evaluated
from bench.execution.held_back import hold_back
from bench.execution.initial import initial
from bench.execution.limits import Watch
from bench.execution.listener import Listener
from bench.execution.making import Making
from bench.execution.measured import in_words, measured_steps
from bench.execution.meter import GradientMeter, KnownReferences, Where
from bench.execution.sources import Maker, Source
from bench.execution.trajectory import Keeping, Snapshots, reference_trajectory
from bench.machine.device import find_device
from bench.machine.matmul import onednn_keeps_float32, onednn_pays
from bench.machine.streams import Stream, seeded
from bench.results.datapoints import save_datapoints
from bench.results.schema import Final as FinalValues
from bench.results.schema import Record, Written
from bench.results.store import Store
from bench.results.tensors import save_tensors
from bench.settings import Cell
from bench.training.clipping import told
from bench.training.diverged import Diverged
from bench.training.settling import settled
from bench.training.trainer import Trainer
from estimators.base import Estimator
from estimators.distributions import without_validation
from tasks.base import Data, Task
from tasks.parts.guides import NormalTable

_SETTLING_STEPS: Final = 100


@final
class CellRun:
    """One cell on its way: trained to each step at which its moments are measured, then evaluated and recorded.

    Attributes:
        stops: the steps that it is trained to.
        progress: what it has produced, and how: the way that it was begun is gone on with on any machine.
        listener: is told how far it is, and raises `LimitReached` where it is to stop.
    """

    def __init__(
        self,
        cell: Cell,
        data: Data,
        store: Store,
        making: Making,
        listener: Listener,
        references: KnownReferences,
        source: Source,
        stream: Stream | None = None,
    ) -> None:
        self.cell, self.store, self.making, self.source = cell, store, making, source
        self._keeping = Keeping(store.folder, making.run, making.rerun, source.task)
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.data = hold_back(data, cell.training.validation).to(find_device(cell.device))
        self.task, self.estimator = initial(cell, self.data)
        self.trainer = Trainer(self.task, self.estimator, self.data, cell.training, cell.samples, stream)
        self.progress = Progress(onednn=onednn_pays(self.task, cell.training.batch_size * cell.samples))
        file, maker = store.checkpoint_path(cell), Maker.of(source)
        self.checkpoint = Checkpoint(file, cell, self.trainer, self.progress, maker)
        self.listener = Watch(listener, making.limits, self.checkpoint.seconds)
        self.meter = GradientMeter(cell, self.task, self.data, references)
        self._steps = measured_steps(cell)
        self.stops = [cell.training.steps] if cell.along_trajectory else self._steps

    def restore(self) -> None:
        """Continue from the cell's checkpoint where there is one, on the random stream that training draws from."""
        pays_here = self.progress.onednn
        reason = self.checkpoint.restore()
        self.meter.chunks = self.progress.chunks
        self.progress.notes += [note for note in self.making.notes if note not in self.progress.notes]
        if reason:
            self.progress.notes.append(reason)
            self.listener.warn(f"{self.store.folder / self.cell.folder}: {reason}")
            # What was said is to be on record whatever becomes of this process.
            self.checkpoint.save()
        if self.progress.onednn and not (pays_here or onednn_keeps_float32()):
            until = f"up to step {self.trainer.progress.step}"
            self._warn(f"oneDNN multiplied float32 matrices {until}; here it would round them to fewer digits")
            self.progress.onednn = False

    def join(self, seeds: int) -> None:
        """Go on in one step with other seeds, `seeds` in all; where that differs from before, it is on record."""
        training, steps = self.trainer.progress, self.cell.training.steps
        if training.step == steps:
            return
        if training.step and training.together != seeds:
            before, after = (f"{n} seeds in one step" if n > 1 else "it alone" for n in (training.together, seeds))
            self.progress.notes.append(f"trained up to step {training.step} with {before}, from there on with {after}")
        training.together = seeds

    def show_training(self, step: int) -> None:
        """Tell the listener how far training is."""
        of = "" if self.estimator.objective == "target" else f" ({self.estimator.objective})"
        note = f"{self.trainer.rows[-1].objective:.4g}{of}" if self.trainer.rows else ""
        self.listener.phase("train", step, self.cell.training.steps, note)

    def arrive(self, stop: int) -> None:
        """Measure where the cell's own training has got to.

        Raises:
            Diverged: the gradient is not finite, or near overflow.
        """
        if self.cell.along_trajectory or stop in self.progress.measured:
            return
        self.listener.turn_to("measure")
        if self.cell.training.steps:
            self._measure(self.task, self.estimator, Where(stop))
        else:
            # Without training there was nothing that adaptive state could have fitted itself to.
            self._measure(self.task, self._settled(self.estimator, self.task), Where(stop, "initial"))
        self.checkpoint.save()

    def measure_shared(self, own: Diverged | None) -> None:
        """Measure along the reference trajectory, where the cell is to be measured there.

        Args:
            own: how the cell's own training diverged, on which these moments do not depend.

        Raises:
            Diverged: the gradient is not finite, or near overflow.
        """
        if not self.cell.along_trajectory:
            return
        start, untrained = initial(self.cell, self.data)
        steps = self.cell.training.steps
        found = reference_trajectory(
            self.cell,
            start,
            self.data,
            self._steps,
            self._keeping,
            lambda step: self.listener.phase("trajectory", step, steps),
        )
        if found.said:
            self.listener.warn(found.said)
        lacking = [step for step in self._steps if step not in found.snapshots]
        if lacking:
            why = f"the reference trajectory of {found.by} diverged: {found.diverged}"
            self._warn(f"nothing was measured at {in_words(lacking)}, since {why}")
        # What a training that diverged has left of an estimator's state fits nothing.
        estimator = self.estimator if own is None else untrained
        for step in self._steps:
            if step in found.snapshots and step not in self.progress.measured:
                self.listener.turn_to("measure")
                task = _at(start, found.snapshots, step)
                self._measure(task, self._settled(estimator, task), Where(step, f"trajectory of {found.by}"))
                if own is None:
                    self.checkpoint.save()

    @without_validation()
    def finish(self, diverged: Diverged | None) -> Record:
        """Evaluate what was trained, write the files beside the record and then that, and return it."""
        if diverged is not None:
            diverged = self._explained(diverged)
        else:
            self._warn_of_sites(self.task, Where(self.trainer.progress.step))
        self.listener.turn_to("evaluate")
        found = Evaluated({}) if diverged else self._values()
        record = Record(
            cell=self.cell,
            run=self.making.run,
            status="diverged" if diverged else "done",
            reason=str(diverged) if diverged else None,
            started=self.started,
            seconds=self.checkpoint.seconds(),
            gradients=self.progress.gradients,
            training=self.trainer.rows,
            final=self._final(diverged, found.values),
            chunk=self.progress.chunk,
            notes=[*self.progress.notes, *(["oneDNN multiplied float32 matrices"] if self.progress.onednn else [])],
            task_source=self.source.task,
            estimator_source=self.source.estimator,
            parameters=save_tensors(self.store.parameters_path(self.cell), self.task.state_dict()),
            datapoints=found.points and self._save_datapoints(found.points),
        )
        self.store.write(record)
        self.checkpoint.file.unlink(missing_ok=True)
        return record

    def _measure(self, task: Task, estimator: Estimator, where: Where) -> None:
        progress, total = self.progress, len(self._steps)
        done = len(progress.measured)
        self.listener.phase("measure", done, total)
        measured, rows = self.meter.measure(
            task, estimator, where, lambda phase, share: self.listener.phase(phase, done + share, total)
        )
        progress.gradients += rows
        progress.measured.append(where.step)
        progress.chunk = measured.chunk
        for note in measured.notes:
            if note not in progress.notes:
                self._warn(note)
        self._warn_of_sites(task, where)
        self.listener.phase("measure", done + 1, total)

    def _warn_of_sites(self, task: Task, where: Where) -> None:
        """Say once of each site that training has made its draws too small, too large or too close for their dtype."""
        for site, reason in self.meter.beyond(task, where).items():
            opening = f"site '{site}' is, "
            if not any(note.startswith(opening) for note in self.progress.notes):
                self._warn(f"{opening}{reason}")

    def _settled(self, estimator: Estimator, task: Task) -> Estimator:
        """Return an estimator with adaptive state for other parameters than those that it was trained on."""
        x, cell = self.meter.x, self.cell
        with seeded(x.device, cell.seed, "settling"):
            return settled(estimator, task, x, cell.samples, steps=_SETTLING_STEPS, step_size=cell.training.guide_lr)

    def _explained(self, diverged: Diverged) -> Diverged:
        """Return what was not finite before the first step already, if anything: no step size has caused that."""
        start = Where(0)
        found = self.meter.not_finite(*initial(self.cell, self.data), start.step) if diverged.step else None
        return diverged if found is None else Diverged(found, str(start), start.step)

    def _final(self, diverged: Diverged | None, values: dict[str, Any]) -> FinalValues | None:
        """Return what there is to say of the parameters where training ended, of which these are the values."""
        training, steps = self.trainer.progress, self.trainer.progress.step
        if steps == 0 and diverged:
            return None
        evaluations = [row.value for row in self.progress.gradients if row.metric == "evaluations"]
        if not diverged and self.task.target != "expectation" and len(self.data.test) == 0:
            rows_only = isinstance(self.task.guide, NormalTable)
            why = "the guide has parameters for the training rows only" if rows_only else "the test set is empty"
            self.progress.notes.append(f"{why}: nothing is known about test data")
        if clipped := self.trainer.clipped_share:
            self.progress.notes.append(told(self.cell.training.clip_norm, [clipped]))
        return FinalValues(
            unit=self.task.unit,
            steps=steps,
            seconds_per_step=training.seconds / steps if steps else None,
            evaluations=evaluations[-1] if evaluations else None,
            seeds_together=training.together if steps else None,
            clipped=self.trainer.clipped_share,
            diverged_at=diverged.step if diverged else None,
            **values,
        )

    def _save_datapoints(self, points: Points) -> Written:
        values = {name: value.numpy() for name, value in vars(points).items()}
        return save_datapoints(self.store.datapoints_path(self.cell), values)

    def _values(self) -> Evaluated:
        """Return the values of the cell's parameters; cells that are not trained share those of their seed's."""
        cell = self.cell

        def evaluate() -> tuple[Evaluated, list[str]]:
            said: list[str] = []
            return evaluated(cell, self.task, self.data, self._show_evaluation, said.append), said

        start = ("initial values", str(cell.task_spec), cell.dataset, cell.dtype, cell.device, cell.seed)
        key = (*start, cell.measurement.evaluation_samples)
        found, said = evaluate() if cell.training.steps else self.meter.references.get(key, evaluate)
        for sentence in said:
            self._warn(sentence)
        return found

    def _warn(self, sentence: str) -> None:
        """Say something that a reader of the numbers should know, and keep it in the record."""
        self.progress.notes.append(sentence)
        self.listener.warn(sentence)

    def _show_evaluation(self, share: float) -> None:
        self.listener.phase("evaluate", share, 1.0, f"{self.cell.measurement.evaluation_samples} samples")


def _at(task: Task, snapshots: Snapshots, step: int) -> Task:
    moved = copy.deepcopy(task)
    moved.load_state_dict(snapshots[step])
    return moved
