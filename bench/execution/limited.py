"""The record of a cell that a limit has stopped, and the checkpoint from which it continues."""

from dataclasses import replace
from datetime import UTC, datetime

from bench.execution.cell import CellRun
from bench.execution.limits import LimitReached
from bench.execution.making import Making
from bench.execution.sources import Source
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell


def stopped(one: CellRun, reached: LimitReached, whole: bool) -> Record:
    """Record how far a cell has got.

    Args:
        one: the cell.
        reached: what stops it.
        whole: whether its state is one to go on from, so that it becomes the checkpoint; else the last one stays.
    """
    if whole:
        one.checkpoint.save()
    at, steps = one.trainer.progress.step, one.cell.training.steps
    where = f"at step {at} of {steps}, {reached.doing}" if steps else reached.doing
    record = Record(
        cell=one.cell,
        run=one.making.run,
        status="limited",
        reason=f"{reached.said} reached {where}",
        started=one.started,
        seconds=one.checkpoint.seconds(),
        gradients=list(one.progress.gradients),
        training=list(one.trainer.rows),
        chunk=one.progress.chunk,
        notes=list(one.progress.notes),
        task_source=one.source.task,
        estimator_source=one.source.estimator,
        limit=reached.limit,
    )
    one.store.write(record)
    return record


def stopped_before(
    cell: Cell, store: Store, making: Making, source: Source, reached: LimitReached, seconds: float
) -> Record:
    """Record that a cell could not even be prepared to continue, which took that many seconds.

    What a limit had left of it before is on record still, where it would go on from there.
    """
    reason = str(reached)
    known = store.read(cell)
    if known is not None and known.status == "limited" and store.checkpoint_path(cell).exists():
        record = replace(known, run=making.run, reason=reason, limit=reached.limit)
    else:
        record = Record(
            cell=cell,
            run=making.run,
            status="limited",
            reason=reason,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=seconds,
            task_source=source.task,
            estimator_source=source.estimator,
            limit=reached.limit,
        )
    store.write(record)
    return record
