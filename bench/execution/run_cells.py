"""Run cells to their ends: train to each stop, measure there, evaluate, record."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.execution.cell import CellRun
from bench.execution.limited import stopped, stopped_before
from bench.execution.limits import LimitReached, of_memory
from bench.execution.listener import Listener
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.sources import Source
from bench.machine.device import find_device
from bench.machine.matmul import multiplied_by_onednn
from bench.machine.memory import give_back_memory, is_out_of_memory
from bench.machine.ration import rationed
from bench.machine.streams import OwnStream, seeded
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell
from bench.training.diverged import Diverged
from bench.training.group import Group, Single
from bench.training.stack import Stack
from bench.training.trainer import Trainer
from tasks.base import Data


def run_alone(
    cell: Cell,
    data: Data,
    store: Store,
    making: Making,
    listener: Listener,
    references: KnownReferences,
    source: Source,
) -> Record:
    """Run a cell to its end, or to a limit, by plain autograd, and write its record.

    A training that diverges is recorded as such.
    """
    memory, begun, ready = making.limits.memory, time.perf_counter(), list[CellRun]()
    try:
        with rationed(memory, find_device(cell.device)):
            one = CellRun(cell, data, store, making, listener, references, source)
            with seeded(one.trainer.device, cell.seed, "training"):
                one.restore()
                ready.append(one)
                with multiplied_by_onednn(one.progress.onednn):
                    (record,) = _to_their_ends(ready, lambda trainers: Single(*trainers))
        return record
    except Exception as error:
        if memory is None or not is_out_of_memory(error):
            raise
        reached = of_memory(memory, ready[0].listener.doing if ready else "while preparing it")
    # Only here, where the error no longer holds on to what was computed, can memory be given back.
    give_back_memory()
    if ready:
        # It may have stopped in the middle of a step.
        return stopped(ready[0], reached, whole=False)
    return stopped_before(cell, store, making, source, reached, time.perf_counter() - begun)


def run_together(
    cells: Sequence[Cell],
    data: Data,
    store: Store,
    making: Making,
    listeners: Sequence[Listener],
    references: KnownReferences,
    sources: Mapping[str, Source],
) -> Iterator[Record]:
    """Run cells that differ in their seed alone, trained in one step, to their ends; give their records as written.

    Measurement and evaluation are those of each cell alone. A training that diverges is recorded as such, and the
    others go on. Cells of which one has not got as far as another, since its checkpoint was no good, are trained apart.
    One that reaches a limit of time stops all of them, so that they go on as companions.

    Raises:
        NotBatchable: their step cannot be taken for all at once.
        MemoryError, RuntimeError: there are too many of them for the device, or for a limit; see `is_out_of_memory`.
    """
    device = find_device(cells[0].device)
    with rationed(making.limits.memory, device):
        # Once for all: each would move its own copy.
        data = data.to(device)
        runs = [
            CellRun(
                cell,
                data,
                store,
                making,
                listener,
                references,
                sources[cell.id],
                OwnStream(device, cell.seed, "training"),
            )
            for cell, listener in zip(cells, listeners, strict=True)
        ]
        for one in runs:
            one.restore()
        for group in _alike(runs):
            with multiplied_by_onednn(group[0].progress.onednn):
                yield from _to_their_ends(group, Stack)


def _alike(runs: Sequence[CellRun]) -> list[list[CellRun]]:
    """Return cells in groups that have taken equally many steps, and whose matrices the same library multiplies."""
    groups: dict[tuple[int, bool], list[CellRun]] = {}
    for one in runs:
        groups.setdefault((one.trainer.progress.step, one.progress.onednn), []).append(one)
    return list(groups.values())


def _to_their_ends(runs: Sequence[CellRun], group_of: Callable[[Sequence[Trainer]], Group]) -> Iterator[Record]:
    """Give the record of each: of its end, or of how far it was when one of them reached a limit of time."""
    for one in runs:
        one.join(len(runs))
    group = group_of([one.trainer for one in runs])
    try:
        yield from _until_a_limit(runs, group)
    finally:
        group.close()


def _until_a_limit(runs: Sequence[CellRun], group: Group) -> Iterator[Record]:
    written = 0
    try:
        for record in _ends(runs, group):
            written += 1
            yield record
        return
    except LimitReached as found:
        # With its way here it would hold on to this frame, and with that to all that was computed.
        reached = found.with_traceback(None)
    for place in range(written, len(runs)):
        one, own = runs[place], group.diverged.get(place)
        if own is not None and not one.cell.along_trajectory:
            # It has come to its end, and nothing of it is left to be done.
            yield _finished(one, own, group)
        else:
            # What a training that diverged has left is nothing to go on from.
            yield stopped(one, reached, whole=own is None)


def _ends(runs: Sequence[CellRun], group: Group) -> Iterator[Record]:
    for stop in runs[0].stops:
        for one in (runs[place] for place in group.active):
            if one.trainer.progress.step < stop:
                one.listener.turn_to("train")
        for step in group.run(stop):
            active = [runs[place] for place in group.active]
            for one in active:
                one.show_training(step)
            if any(one.checkpoint.due for one in active):
                # All at once, so that they continue as companions.
                for one in active:
                    one.checkpoint.save()
        for place in group.active:
            try:
                runs[place].arrive(stop)
            except Diverged as reason:
                group.drop(place, reason)
    for place, one in enumerate(runs):
        own = group.diverged.get(place)
        if own is None:
            group.release(place)
        try:
            one.measure_shared(own)
        except Diverged as reason:
            if own is not None:
                one.progress.notes.append(f"not all was measured at shared parameters: {reason}")
            group.diverged[place] = own or reason
        yield _finished(one, group.diverged.get(place), group)


def _finished(one: CellRun, diverged: Diverged | None, group: Group) -> Record:
    # A cell that was limited in its evaluation has these notes already.
    notes = _notes(one.trainer.progress.together, group.plain_reason)
    one.progress.notes += [note for note in notes if note not in one.progress.notes]
    return one.finish(diverged)


def _notes(count: int, plain_reason: str | None) -> list[str]:
    notes = [f"{count} seeds trained in one step, and its time is shared among them"] if count > 1 else []
    return notes + ([f"no CUDA graph of the training step: {plain_reason}"] if plain_reason else [])
