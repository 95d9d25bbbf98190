"""From a finished run to its task at the trained parameters."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError, ResultsError, UsageError
from bench.names.building import build_task, require_content
from bench.names.commands import with_out
from bench.names.registry import TASKS
from bench.pictures.subjects import SHOWN
from bench.results.parameters import REMEDY
from bench.results.schema import Record
from bench.results.store import Store, locate
from bench.results.tensors import load_tensors
from tasks.base import Task
from tasks.data.files import parameter_of


class Trained(NamedTuple):
    """A finished run: its record, and where its results folder is."""

    record: Record
    store: Store

    def task(self) -> Task:
        """Return the task at the trained parameters, on the CPU, in `eval` mode.

        Raises:
            ResultsError: the parameters are not there, or are of another version of the task.
            DataUnavailable: the file that the run was about is not there, or holds something else.
        """
        path = self.store.parameters_path(self.record.cell)
        told, again = self.record.parameters, "run it again with `--rerun all`"
        remedy = again if told is None else REMEDY
        try:
            state = load_tensors(path, told)
        except FileNotFoundError:
            raise ResultsError(f"{path}, which holds what the run learned, is missing: {remedy}") from None
        except ResultsError as error:
            raise ResultsError(f"{error}: {remedy}") from error
        TASKS.require_named(self.record.cell.task_spec, "is not shown")
        task = build_task(self.record.cell.task_spec, dtype=next(iter(state.values())).dtype)
        if parameter_of(self.record.cell.dataset):
            require_content(self.record.cell.task_spec, self.record.cell.dataset, task.load())
        try:
            task.load_state_dict(state)
        except RuntimeError as error:
            raise ResultsError(f"{path} is of another version of {self.record.cell.task}: {again}") from error
        return task.eval()


def finished(paths: Sequence[Path], refuse: Callable[[str], object]) -> list[Trained]:
    """Return the finished runs that have pictures, in results folders, or in single tasks or cells of them.

    Args:
        paths: where to look.
        refuse: is told of tasks that are not ours, and that nobody has named: they are not imported.

    Raises:
        ResultsError: there are none, or something cannot be read.
        UsageError: there are none but of tasks that nobody has named.
    """
    found, unnamed = [], None
    for run in _finished(paths):
        try:
            TASKS.require_named(run.record.cell.task_spec, "is not shown")
        except UsageError as error:
            unnamed = error
            refuse(str(error))
            continue
        if _can_be_shown(run.record):
            found.append(run)
    if not found and unnamed:
        raise unnamed
    if not found:
        where = ", ".join(map(str, paths))
        command = with_out("bench run --task vae-mnist --estimator reparam", paths[0])
        raise ResultsError(
            f"there is no finished run of a model of images, clusters, tracks or topics in {where}: `{command}` "
            "makes one"
        )
    return found


def _finished(paths: Sequence[Path]) -> Iterator[Trained]:
    for path in paths:
        store, below = locate(path)
        for record in store.records(below):
            if record.status == "done" and record.cell.training.steps:
                yield Trained(record, store)


def _can_be_shown(record: Record) -> bool:
    try:
        return issubclass(TASKS.load(record.cell.task), SHOWN)
    except BenchError:
        return False  # a plug-in that is no longer installed
