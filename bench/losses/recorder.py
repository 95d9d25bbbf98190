"""`varbench.Recorder`: moments along any training, in a results folder."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, final

from bench.errors import UsageError
from bench.execution.note import new_run
from bench.execution.rows import gradient_rows
from bench.losses.draws import Loss
from bench.losses.moments import GradientMoments, measured, not_finite, stopping_of
from bench.losses.parameters import Parameters, tensors_of
from bench.measure.moments import NotFinite
from bench.names.registry import ESTIMATORS, TASKS, Registry
from bench.names.spec import LARGEST, Spec, parse_spec
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell, Measurement, Training

_CALLED: Final = ("", "varbench.Recorder")
"""What the note of a recorder's run has in the place of a command."""


@final
class Recorder:
    """Measures the gradient of a loss now and then along your own training, and records the moments as a cell.

    Call it once per step. It measures at every `measure_every`-th step from 0 on and at the last step, and returns what
    `moments` returns; at other steps it does nothing. The record is written each time, so `load`, `bench table` and
    `bench plot variance` have everything so far. The same names, K, seed and settings are the same cell, which starts
    again.

    Args:
        parameters: as for `moments`; the groups are those of the table.
        task: a name for the problem, such as `my-vae` or `my-vae(latent=10)`, that varbench does not use.
        estimator: a name for the gradient estimator, likewise.
        steps: the number of training steps.
        measure_every: steps from one measurement to the next.
        out: the results folder.
        samples: K, the Monte Carlo samples in one value of the loss; only recorded.
        seed: of the training, only recorded; and of the draws, which differ from step to step.
        target: what the gradient estimates the gradient of.
        replicates: as for `moments`; so are `precision`, `most` and `chunk`.
        precision: likewise.
        most: likewise.
        chunk: likewise.

    Raises:
        UsageError: an argument does not fit.
        ResultsError: the folder cannot be written to.

    >>> import torch, varbench
    >>> loc = torch.ones(2, requires_grad=True)
    >>> names = {"task": "my-toy", "estimator": "my-pathwise"}
    >>> recorder = varbench.Recorder(loc, **names, steps=20, measure_every=10, out="mine")
    >>> optimizer = torch.optim.SGD([loc], 0.01)
    >>> for step in range(21):
    ...     found = recorder(step, lambda: ((loc + torch.randn(2)) ** 2).sum())
    ...     optimizer.step()
    >>> sorted(set(varbench.load("mine").gradients["step"]))
    [0, 10, 20]
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        task: str,
        estimator: str,
        steps: int,
        measure_every: int = 100,
        out: Path | str = "results",
        samples: int = 1,
        seed: int = 0,
        target: str = "loss",
        replicates: int | None = None,
        precision: float = 0.1,
        most: int = 1000,
        chunk: int | None = None,
    ) -> None:
        for name, value, least in (
            ("steps", steps, 0),
            ("measure_every", measure_every, 1),
            ("samples", samples, 1),
            ("seed", seed, 0),
        ):
            if type(value) is not int or not least <= value <= LARGEST:
                raise UsageError(f"{name} must be a whole number from {least} on, not {value!r}")
        self._tensors, self._every, self._target, self._chunk = tensors_of(parameters), measure_every, target, chunk
        self._stopping = stopping_of(replicates, precision, most)
        own = _own_name(TASKS, task), _own_name(ESTIMATORS, estimator)
        self.cell = Cell(
            task=own[0].name,
            task_parameters=own[0].parameters,
            task_version=1,
            estimator=own[1].name,
            estimator_parameters=own[1].parameters,
            estimator_version=1,
            samples=samples,
            seed=seed,
            dataset="",
            dtype="float64" if self._tensors.dtype.itemsize == 8 else "float32",
            device="cuda" if self._tensors.device.type == "cuda" else "cpu",
            training=Training(steps, 0, "own", 0.0, 0.0, "constant"),
            measurement=Measurement("own", replicates, most, precision, steps // measure_every + 1, 0),
        )
        self._store = Store(out)
        self._store.ensure_writable()
        run = new_run(_CALLED, [self.cell])
        self._store.write_run(run)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._record = Record(self.cell, run.run, "done", None, started, 0.0)
        self._begun = time.perf_counter()

    def __call__(self, step: int, loss: Loss, reference: Any = None) -> GradientMoments | None:
        """Measure the gradient of a loss, if it is time to.

        Args:
            step: the number of training steps taken.
            loss: as for `moments`.
            reference: likewise; pass a function if it is expensive to compute.

        Returns:
            The moments; None if nothing is measured, or if a gradient was not finite, which is recorded.

        Raises:
            UsageError: see `moments`; or the step is not one of the training's.
            ResultsError: the folder cannot be written to.
        """
        last = self.cell.training.steps
        if not 0 <= step <= last:
            raise UsageError(
                f"step {step} is not one of the {last} steps that the recorder was told of: give it all of them"
            )
        if step % self._every and step != last:
            return None
        try:
            found = measured(loss, self._tensors, reference, self._stopping, self._chunk, self._seed(step))
        except NotFinite as error:
            self._keep(
                replace(self._record, status="diverged", reason=f"step {step}: {not_finite(error, self._tensors)}")
            )
            return None
        rows = gradient_rows(found.metrics, step, found.replicates, self._target, found.reference)
        before = [row for row in self._record.gradients if row.step != step]
        notes = [*self._record.notes, *(note for note in found.notes if note not in self._record.notes)]
        self._keep(replace(self._record, gradients=[*before, *rows], chunk=found.chunk, notes=notes))
        return found

    def _seed(self, step: int) -> int:
        return self.cell.seed * (self.cell.training.steps + 1) + step

    def _keep(self, record: Record) -> None:
        self._record = replace(record, seconds=time.perf_counter() - self._begun)
        with self._store.lock(self.cell):
            self._store.write(self._record)


def _own_name(registry: Registry[Any], text: str) -> Spec:
    """Return what somebody calls a task or an estimator that varbench does not run.

    Raises:
        UsageError: it is a name of varbench's or of a plug-in's, whose declarations would be taken for its.
    """
    spec = parse_spec(text)
    if ":" in spec.name or spec.name in registry.aliases or spec.name in registry.entries:
        raise UsageError(
            f"'{spec.name}' is {registry.one} of varbench's own, or one that it imports: give yours another name, "
            f"such as 'my-{spec.name.rpartition(':')[2]}'"
        )
    return spec
