"""How long a cell will take, by cells of the same task and estimator that were run on the same hardware."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import final

from bench.errors import ResultsError
from bench.execution.measured import measured_steps
from bench.machine.info import hardware
from bench.results.schema import Record
from bench.results.store import RECORD, Store, ignored, read_record
from bench.settings import Cell


@dataclass
class _Mean:
    """Sums over cells: seconds per training step, seconds of the rest per step that is measured at, how many cells."""

    training: float = 0.0
    rest: float = 0.0
    count: int = 0


@final
class Times:
    """What cells of a results folder took on this hardware.

    Args:
        store: the folder.
        cells: those that will be asked about; records of other tasks are not read.
    """

    def __init__(self, store: Store, cells: Iterable[Cell]) -> None:
        self._means: dict[Hashable, _Mean] = {}
        here, tasks = hardware(), {cell.task_folder for cell in cells}
        runs = {run.run for run in store.runs(ignored) if all(getattr(run, key) == here[key] for key in here)}
        for folder in store.cell_folders():
            if folder.parent.name not in tasks:
                continue
            try:
                record = read_record(folder / RECORD)
            except ResultsError:
                continue
            if record is not None and record.status == "done" and record.run in runs:
                self._add(record)

    def _add(self, record: Record) -> None:
        steps = record.cell.training.steps
        trained = record.training[-1].seconds if record.training else 0.0
        # A record's wall time is that of all seeds of its step, its training time its share.
        together = (record.final and record.final.seeds_together) or 1
        rest = max(0.0, record.seconds / together - trained)
        for kind in _kinds(record.cell):
            mean = self._means.setdefault(kind, _Mean())
            mean.training += trained / max(steps, 1)
            mean.rest += rest / len(measured_steps(record.cell))
            mean.count += 1

    def expected(self, cell: Cell, taken: int = 0) -> float | None:
        """Return the seconds that a cell will take, as those took that are most like it; None without any.

        Args:
            cell: of which `taken` training steps are done.
            taken: by an interrupted run.
        """
        mean = next((self._means[kind] for kind in _kinds(cell) if kind in self._means), None)
        if mean is None:
            return None
        steps, stops = cell.training.steps - taken, sum(step >= taken for step in measured_steps(cell))
        return (mean.training * steps + mean.rest * stops) / mean.count


def _kinds(cell: Cell) -> tuple[Hashable, ...]:
    """Return what cells that take as long have in common, the most alike first; task and estimator in any case."""
    training, measurement = cell.training, cell.measurement
    same = (str(cell.task_spec), str(cell.estimator_spec), cell.device, training.steps > 0)
    sizes = (*same, cell.samples, training.batch_size, cell.dtype)
    precision = (measurement.at, measurement.replicates, measurement.precision, measurement.evaluation_samples)
    return (*sizes, *precision), sizes, same
