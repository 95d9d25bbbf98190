"""What was measured and trained as ordinary records, for `bench table` and `bench plot`.

They are of cells as `bench run` has them with the task's defaults, and of status `limited`, which have no final values:
`bench run` of the same cell measures and trains it whole, and replaces them.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.advise.advising import Advising
from bench.advise.finals import Trained
from bench.advise.gauge import Gauge
from bench.advise.screen import Entry, Screening
from bench.execution.note import new_run
from bench.execution.rows import gradient_rows
from bench.execution.sources import sources_of
from bench.measure.metrics import gradient_metrics
from bench.measure.reference import Reference
from bench.results.schema import GradientRow, Limit, Record
from bench.results.store import Store
from bench.results.tables import export
from bench.settings import Cell
from bench.statistics.intervals import Interval, product
from bench.statistics.seeds import mean_over_seeds

_MEASURED: Final = "`bench advise` measured its gradient, and did not train it"
_TRAINED: Final = "`bench advise` trained it, and did not measure its gradient"


def keep(found: Advising, out: Path) -> Path:
    """Write a record of each estimator that was measured, and of each training, and return the folder.

    Cells that have a record keep it.

    Raises:
        ResultsError: the folder does not take them.
    """
    screening = found.screening
    assert screening is not None
    store = Store(out)
    store.ensure_writable()
    records = [*_measured(screening), *_trained(found)]
    run = new_run(sys.argv, [record.cell for record in records])
    store.write_run(run)
    sources = sources_of([record.cell for record in records])
    for record in records:
        source = sources[record.cell.id]
        made = replace(record, run=run.run, task_source=source.task, estimator_source=source.estimator)
        with store.lock(record.cell):
            if store.stamp(record.cell) is None:
                store.write(made)
    export(out)
    return out


def _measured(screening: Screening) -> Iterator[Record]:
    last = screening.places[-1].step
    for entry in screening.entries.values():
        known = {step: gauge for step, gauge in entry.gauges.items() if gauge.is_known and entry.laps}
        if entry.failed or not known:
            continue
        cell = entry.candidate.cell
        training = replace(cell.training, steps=last)
        measurement = replace(cell.measurement, at="shared" if last else "own", checkpoints=len(screening.places))
        rows = [row for step in sorted(known) for row in _rows(screening, entry, step)]
        seconds = sum(gauge.pace * gauge.replicates for gauge in known.values())
        made = replace(cell, training=training, measurement=measurement)
        yield _limited(made, _MEASURED, seconds, rows, notes=list(entry.remarks))


def _rows(screening: Screening, entry: Entry, step: int) -> list[GradientRow]:
    gauge = entry.gauges[step]
    place = next(place for place in screening.places if place.step == step)
    reference = screening.reference(place, entry)
    metrics = {group: _metrics(gauge, where, reference) for group, where in gauge.replicator.slices.items()}
    seconds = _of_laps(entry.laps)
    for of_group in metrics.values():
        of_group["work_variance"] = product(of_group["variance"], seconds)
    metrics["all"] |= {"seconds": seconds, "evaluations": Interval.exactly(entry.candidate.evaluations)}
    label = "" if reference is None else reference.label
    return gradient_rows(metrics, step, gauge.replicates, entry.candidate.aim, label)


def _metrics(gauge: Gauge, where: slice, reference: Reference | None) -> dict[str, Interval]:
    return gradient_metrics(gauge.moments, where, reference)


def _of_laps(laps: list[float]) -> Interval:
    mean, low, high = mean_over_seeds(laps, is_positive=True)
    return Interval(mean, (high - low) / 4, low, high)


def _trained(found: Advising) -> Iterator[Record]:
    if found.finals is None:
        return
    for one in found.finals.trained:
        record = _limited(one.cell, _TRAINED, one.seconds, [], _notes(one))
        yield replace(record, training=list(one.rows))


def _notes(one: Trained) -> list[str]:
    if one.diverged:
        return [f"it diverged: {one.diverged}"]
    return [f"its objective was {one.value.value:g} at the end"] if one.value is not None else []


def _limited(
    cell: Cell, reason: str, seconds: float, rows: list[GradientRow], notes: list[str] | None = None
) -> Record:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    limit = Limit("time", seconds)
    return Record(cell, "", "limited", reason, started, seconds, gradients=rows, notes=notes or [], limit=limit)
