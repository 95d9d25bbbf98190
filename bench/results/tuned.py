"""Estimators compared at their best settings: of each, the value that is best on rows held back from training.

Test data have no part in the choice. Where a task is an expectation there are no data, and the objective that training
ended with is what is chosen by.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from bench.errors import UsageError, require
from bench.results.columns import IDENTITY, SETTINGS
from bench.results.contest import SELECTABLE, Choice, Contest
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import FINAL_VALUES
from bench.results.naming import configurations
from bench.results.tables import Results

MEASURES: Final[Mapping[str, str]] = {
    "elbo": "validation_elbo",
    "iwae": "validation_log_likelihood",
    "objective": "validation_objective",
    "perplexity": "validation_perplexity",
}
"""What a choice may be made by, and the column of rows held back that has it."""

_EXPECTED: Final = "objective"
"""The column that a choice is made by where a task is an expectation."""
_FIXED: Final = [column.name for column in (*IDENTITY, *SETTINGS)]


@dataclass(frozen=True)
class Tuned:
    """Results at the best settings of each estimator.

    Attributes:
        results: the cells that were chosen.
        choices: one per estimator, and what else it was run with.
        left_out: how many cells nothing could be chosen by.
    """

    results: Results
    choices: Sequence[Choice]
    left_out: int

    def notes(self, shown: Iterable[str] | None = None) -> list[str]:
        """Return what a caption has to say: what was chosen, by what, and whether it was at the edge of the grid.

        Args:
            shown: the configurations that the caption is about, all by default.
        """
        names = {row.configuration: row for row in records(configurations(self.results.final))}
        about = {choice.configuration for choice in self.choices} if shown is None else {*shown}
        choices = [choice for choice in self.choices if choice.configuration in about]
        lines = []
        for column in dict.fromkeys(choice.column for choice in choices):
            by_column = [choice for choice in choices if choice.column == column]
            axes = " and ".join(by_column[0].axes)
            lines.append(f"{axes} chosen for each estimator by its {_by_what(column)}, mean over seeds")
            for task in dict.fromkeys(names[choice.configuration].task_label for choice in by_column):
                of_task = [choice for choice in by_column if names[choice.configuration].task_label == task]
                told = [f"{names[choice.configuration].label} {choice}" for choice in of_task]
                lines.append(f"chosen on {task}: {'; '.join(told)}")
        return [*lines, *self._trajectories()]

    def _trajectories(self) -> Iterator[str]:
        """Give a sentence where gradients are not measured at common parameters, as they seem to be."""
        final = self.results.final
        shared = where(final, final["measurement_at"] == "shared")
        columns = _columns_of(self.choices[0].axes)
        for _, of_task in grouped(shared, "task", "task_parameters"):
            if len(of_task.drop_duplicates(columns)) > 1 and len(self.results.gradients):
                yield (
                    "gradients are measured along reference trajectories trained with the chosen values, so not all "
                    "at the same parameters"
                )
                return


def at_best(results: Results, selected: Sequence[str], by: str | None, warn: Callable[[str], object]) -> Tuned | None:
    """Return results at the best settings, and what was chosen; None where nothing is to be.

    Args:
        results: of a grid.
        selected: the axes, of `SELECTABLE`.
        by: of `MEASURES`.
        warn: is told of cells that are left out.

    Raises:
        UsageError: there is nothing to choose among, or by.
    """
    if not selected:
        if by:
            raise UsageError(f"--select-by {by} says how --select chooses: name a setting with --select, too")
        return None
    found = tuned(results, selected, by)
    if found.left_out:
        warn(f"left out, without rows held back: {found.left_out} of {len(results.final)} cells")
    return found


def tuned(results: Results, axes: Sequence[str], by: str | None = None) -> Tuned:
    """Return results at the best values of some axes, for each estimator, task, K and whatever else was set.

    A value is judged by its mean over the seeds that all values have. One with a seed that diverged or failed is chosen
    only where there is none without; of values that are equally good, the first is. The edges are those of
    all values that were tried.

    Args:
        results: of a grid.
        axes: of `SELECTABLE`.
        by: of `MEASURES`; by default the objective of expectations, and the ELBO of any other task.

    Raises:
        UsageError: there is no such axis or measure, nothing to choose among, or nothing to choose by.
    """
    for axis in axes:
        require("setting", axis, list(SELECTABLE))
    if by is not None:
        require("measure", by, list(MEASURES))
    columns = _columns_of(axes)
    groups = _alike(results.final, columns)
    if all(len(group.drop_duplicates(columns)) == 1 for group in groups):
        raise UsageError(f"there is nothing to choose: no estimator here has several values of {' and '.join(axes)}")
    choices, left_out, why = [], 0, ""
    for group in groups:
        column, lacking = _column(group, by)
        if lacking:
            why, left_out = lacking, left_out + len(group)
        else:
            choices.append(Contest(group, tuple(axes), columns, column).choice())
    if not choices:
        raise UsageError(why)
    return Tuned(_chosen(results, choices), choices, left_out)


def varied(final: pd.DataFrame) -> list[str]:
    """Return the axes along which some estimator has several values on a task, with the same K."""
    found = [
        axis
        for axis, columns in SELECTABLE.items()
        if any(len(group.drop_duplicates([*columns])) > 1 for group in _alike(final, _columns_of(SELECTABLE)))
    ]
    # The schedules of φ and of θ are one axis, unless one of them alone differs.
    parts = [axis for axis in ("guide-schedule", "model-schedule") if axis in found]
    redundant = ["schedule"] if len(parts) == 1 else parts
    return [axis for axis in found if axis not in redundant]


def _columns_of(axes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for axis in axes for name in SELECTABLE[axis]))


def _alike(final: pd.DataFrame, columns: Sequence[str]) -> list[pd.DataFrame]:
    """Return the cells that differ in nothing but some columns and the seed, in the order in which they come."""
    apart = {"cell", "configuration", "seed", *columns}
    # That of θ is empty where it is that of φ, whatever that is.
    of_model = series(final, "training_model_schedule")
    final = final.assign(training_model_schedule=of_model.where(of_model != "", series(final, "training_schedule")))
    same = [name for name in _FIXED if name not in apart]
    # A text of each: a missing value is no other than a missing value.
    keys = [repr(row) for row in final[same].itertuples(index=False, name=None)]
    return [rows for _, rows in grouped(final.assign(alike=keys), "alike")]


def _column(group: pd.DataFrame, by: str | None) -> tuple[str, str]:
    """Return the column that a choice among cells is made by, and why there is none to choose by; empty where one is.

    Raises:
        UsageError: the task has no such measure.
    """
    task = str(group["task"].iloc[0])
    # An objective beside bounds is that of a β-VAE, on test data.
    has_bounds = _has(group, "train_elbo", "evaluation_samples")
    if _has(group, _EXPECTED) and not has_bounds:
        if by not in (None, "objective"):
            raise UsageError(f"{task} is an expectation, which has no {by}: choose by objective, or name other tasks")
        return _EXPECTED, ""
    column = MEASURES[by or "elbo"]
    if by == "objective" and has_bounds and not _has(group, "objective", column):
        raise UsageError(f"the objective of {task} is its ELBO: choose by elbo")
    if by == "perplexity" and has_bounds and not _has(group, "test_perplexity", column):
        raise UsageError(f"rows of {task} have no words: choose by elbo")
    if _has(group, column) or "done" not in distinct(group, "status"):
        return column, ""
    return column, (
        f"there is nothing to choose by: no rows of {task} were held back from training, and test data are never "
        f"used; run the grid with `--validation 0.1`"
    )


def _has(group: pd.DataFrame, *columns: str) -> bool:
    return any(bool(series(group, column).notna().any()) for column in columns)


def _chosen(results: Results, choices: Sequence[Choice]) -> Results:
    chosen = [choice.configuration for choice in choices]
    return results.of(where(results.final, results.final["configuration"].isin(chosen)))


def _by_what(column: str) -> str:
    if column == _EXPECTED:
        return "final objective (an expectation: there are no data to hold back)"
    return f"{FINAL_VALUES[column].label.removesuffix(' ≥')} on rows held back from training".replace("validation ", "")
