"""Which figure to draw from which results: what `bench plot` and `varbench.plot` have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bench.errors import UsageError, require
from bench.figures import KINDS
from bench.figures.page import FORMATS, Format
from bench.results.frames import distinct
from bench.results.select import select
from bench.results.tables import Results
from bench.results.tuned import at_best


@dataclass(frozen=True)
class Wanted:
    """A figure of a part of some results.

    Attributes:
        kind: of `KINDS`.
        tasks: only these, where there are any; so are `estimators` and `samples`.
        groups: parameter groups.
        step: that moments are of.
        selected: settings of which each estimator is shown at its best value.
        select_by: what they are chosen by.

    Raises:
        UsageError: they do not go together, or there is no such kind.
    """

    kind: str
    tasks: Sequence[str] = ()
    estimators: Sequence[str] = ()
    samples: Sequence[int] = ()
    groups: Sequence[str] = ()
    step: int | None = None
    selected: Sequence[str] = ()
    select_by: str | None = None

    def __post_init__(self) -> None:
        require("figure", self.kind, list(KINDS))
        if (self.selected or self.select_by) and KINDS[self.kind].task is not None:
            raise UsageError(f"--select chooses among trainings, but {self.kind} shows none")
        if self.groups and not KINDS[self.kind].by_group:
            raise UsageError(f"--group chooses gradients, but {self.kind} shows none")

    def of(self, results: Results, warn: Callable[[str], object]) -> tuple[Results, list[str]]:
        """Return the part of results that is shown, and notes about it.

        Raises:
            UsageError: the results have nothing of what is wanted.
        """
        found, told = select(results, self.tasks, self.estimators, self.samples, self.step), list[str]()
        if best := at_best(found, self.selected, self.select_by, warn):
            found, told = best.results, best.notes()
        measured = distinct(found.gradients, "group")
        # Without any gradient, the figure says what it misses.
        for group in self.groups if measured else ():
            require("group", group, measured)
        return found, told

    def require_own(self) -> None:
        """Refuse to choose among results where there are none, since the figure draws its own task.

        Raises:
            UsageError: something is chosen.
        """
        if self.tasks or self.estimators or self.samples or self.step is not None:
            raise UsageError(
                f"--task, --estimator, --samples and --step choose among results: name a results folder, since "
                f"{self.kind} without one draws its own task"
            )


def format_of(out: Path | None, form: str | None) -> Format:
    """Return the format of a figure's file, from its ending unless one is named.

    Raises:
        UsageError: there is no such format, or the two contradict each other.
    """
    chosen = form or (out.suffix.removeprefix(".") if out is not None and out.suffix else "pdf")
    if chosen not in FORMATS:
        raise UsageError(f"a figure cannot be written as '{chosen}': choose one of {', '.join(FORMATS)} with --format")
    ending = out.suffix.removeprefix(".").lower() if out is not None else ""
    if ending in FORMATS and ending != chosen:
        raise UsageError(
            f"--out {out} would hold a {chosen}: make its ending and --format agree, or leave --format out"
        )
    return cast("Format", chosen)
