"""What made a result besides varbench: the code of tasks and estimators that are not ours."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.names.registry import ESTIMATORS, TASKS
from bench.names.source import source_of
from bench.settings import Cell


@dataclass(frozen=True)
class Source:
    """The source of a cell's task and of its estimator, as `bench.names.source` has it; empty where they are ours."""

    task: str = ""
    estimator: str = ""

    def __bool__(self) -> bool:
        return bool(self.task or self.estimator)

    def __str__(self) -> str:
        return "; ".join(dict.fromkeys(filter(None, (self.task, self.estimator))))


def sources_of(cells: Iterable[Cell]) -> dict[str, Source]:
    """Return by a cell's id what makes it; to be asked once, when what it names has been imported."""
    known: dict[tuple[str, str], Source] = {}
    found: dict[str, Source] = {}
    for cell in cells:
        specs = (str(cell.task_spec), str(cell.estimator_spec))
        if specs not in known:
            known[specs] = Source(source_of(TASKS, cell.task_spec), source_of(ESTIMATORS, cell.estimator_spec))
        found[cell.id] = known[specs]
    return found
