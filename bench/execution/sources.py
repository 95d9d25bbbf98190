"""What made a result: the code of tasks and estimators that are not ours, and the versions of what is installed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from bench.machine.info import software
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.source import source_of
from bench.results.schema import SCHEMA_VERSION
from bench.settings import Cell


@dataclass(frozen=True)
class Source:
    """The source of a cell's task and of its estimator, from `bench.names.source`; empty if they are ours."""

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


@dataclass(frozen=True)
class Maker:
    """What makes a number besides the settings of its cell, whose id holds the versions of task and estimator.

    Attributes:
        varbench: its version.
        torch: PyTorch's.
        schema: version of the records that it writes.
        task: source of the task.
        estimator: source of the estimator.
    """

    varbench: str
    torch: str
    schema: int
    task: str
    estimator: str

    @classmethod
    def of(cls, source: Source) -> "Maker":
        """Return what would make a number now."""
        return cls(**software(), schema=SCHEMA_VERSION, task=source.task, estimator=source.estimator)

    def difference(self, made: object) -> str:
        """Return in words how the maker of a file, given by `asdict`, differs from this one; empty if it does not.

        A file of before makers were kept has None, and was made by an earlier version.
        """
        now = asdict(self)
        if not isinstance(made, dict):
            return "an earlier version of varbench made it"
        names = [name for name in now if made.get(name) != now[name]]
        return "; ".join(
            f"{_WORDS[name]} was {made.get(name, 'not kept') or 'ours'}, and is {now[name] or 'ours'}" for name in names
        )


_WORDS: Final = {
    "varbench": "varbench",
    "torch": "torch",
    "schema": "the version of records",
    "task": "the source of the task",
    "estimator": "the source of the estimator",
}
