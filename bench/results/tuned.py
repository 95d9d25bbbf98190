"""Estimators compared at their best settings: of each, the value that is best on rows held back from training.

Test data have no part in the choice. Where a task is an expectation there are no data, and the objective that training
ended with is what is chosen by.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bench.errors import UsageError, require
from bench.results.columns import IDENTITY, SETTINGS
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import FINAL_VALUES
from bench.results.naming import configurations
from bench.results.order import by_number
from bench.results.tables import Results

SELECTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "guide-lr": ("training_guide_lr",),
    "model-lr": ("training_model_lr",),
    "batch-size": ("training_batch_size",),
    "optimizer": ("training_optimizer",),
    "schedule": ("training_schedule", "training_model_schedule"),
    "guide-schedule": ("training_schedule",),
    "model-schedule": ("training_model_schedule",),
    "learning": ("training_learning",),
}
"""The axes of a grid, as `bench run` has them, and the columns of their values."""

MEASURES: Final[Mapping[str, str]] = {
    "elbo": "validation_elbo",
    "iwae": "validation_log_likelihood",
    "objective": "validation_objective",
}
"""What a choice may be made by, and the column of rows held back that has it."""

_NUMBERS: Final = ("guide-lr", "model-lr", "batch-size")
"""Axes whose values have an order, and so an edge."""
_EXPECTED: Final = "objective"
"""The column that a choice is made by where a task is an expectation."""
_FIXED: Final = [column.name for column in (*IDENTITY, *SETTINGS)]


@dataclass(frozen=True)
class Choice:
    """The values of some axes at which an estimator is compared.

    Attributes:
        configuration: that was chosen.
        axes: those that were chosen along.
        chosen: a value per axis.
        column: of the final values, by which.
        edges: by an axis at an end of whose numbers the value lies, which end: `lower` or `upper`.
        said: what more a reader should know.
    """

    configuration: str
    axes: tuple[str, ...]
    chosen: tuple[str, ...]
    column: str
    edges: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = len(self.axes) > 1
        words = [f"{axis} {value}" if named else value for axis, value in zip(self.axes, self.chosen, strict=True)]
        edges = [f"{f'{axis} ' if named else ''}at the {end} edge of the grid" for axis, end in self.edges.items()]
        notes = "; ".join([*edges, *self.said])
        return ", ".join(words) + (f" ({notes})" if notes else "")


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
                    "gradients are measured along reference trajectories trained with what was chosen, and so not all "
                    "at the same parameters"
                )
                return


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
            choices.append(_Contest(group, tuple(axes), columns, column).choice())
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
            raise UsageError(f"{task} is an expectation, and has no {by}: choose by objective, or name other tasks")
        return _EXPECTED, ""
    column = MEASURES[by or "elbo"]
    if by == "objective" and has_bounds and not _has(group, "objective", column):
        raise UsageError(f"the objective of {task} is its ELBO: choose by elbo")
    if _has(group, column) or "done" not in distinct(group, "status"):
        return column, ""
    return column, (
        f"there is nothing to choose by: no rows of {task} were held back from training, and test data are not looked "
        "at; run the grid with `--validation 0.1`"
    )


def _has(group: pd.DataFrame, *columns: str) -> bool:
    return any(bool(series(group, column).notna().any()) for column in columns)


@final
class _Contest:
    """Cells of an estimator among whose settings one is chosen.

    Args:
        group: the cells.
        axes: along which is chosen.
        columns: of the axes.
        column: of the final values, by which.
    """

    def __init__(self, group: pd.DataFrame, axes: tuple[str, ...], columns: Sequence[str], column: str) -> None:
        self._axes, self._columns, self._column = axes, columns, column
        self._unit = next((unit for unit in group["unit"].dropna() if unit), "")
        found = [_Candidate.of(rows, columns, column) for _, rows in grouped(group, "configuration")]
        self._tried = sorted(found, key=lambda one: [by_number(str(value)) for value in one.settings])

    def choice(self) -> Choice:
        """Return what is chosen, and what there is to say of it."""
        said = []
        least = min(one.lost for one in self._tried)
        whole = [one for one in self._tried if one.lost == least]
        left_out = [self._named(one) for one in self._tried if one.lost > least]
        if left_out:
            said.append(f"left out, since seeds diverged or failed: {', '.join(left_out)}")
        if least:
            said.append("every value has a seed that diverged or failed")
        compared, seeds = _over_common_seeds(whole)
        if len({frozenset(one.by_seed) for one in self._tried if one.lost == least}) > 1:
            said.append(f"compared over {len(seeds)} seed{'s' * (len(seeds) != 1)} that all have")
        direction = FINAL_VALUES[self._column].direction(self._unit)
        means = [direction * one.mean(seeds) for one in compared]
        best = max(means)
        first, *tied = [one for one, mean in zip(compared, means, strict=True) if mean == best or best == -np.inf]
        if tied and best > -np.inf:
            said.append(f"tied with {', '.join(map(self._named, tied))}")
        if len(self._tried) == 1:
            said.append("the only value")
        values = tuple(_in_words(first, self._columns, axis) for axis in self._axes)
        return Choice(first.configuration, self._axes, values, self._column, self._edges(first), tuple(said))

    def _named(self, one: "_Candidate") -> str:
        return " with ".join(_in_words(one, self._columns, axis) for axis in self._axes)

    def _edges(self, chosen: "_Candidate") -> dict[str, str]:
        found = {}
        for axis in self._axes:
            if axis in _NUMBERS:
                place = self._columns.index(SELECTABLE[axis][0])
                tried = {one.settings[place] for one in self._tried}
                ends = {min(tried): "lower", max(tried): "upper"} if len(tried) > 1 else {}
                if chosen.settings[place] in ends:
                    found[axis] = ends[chosen.settings[place]]
        return found


@dataclass(frozen=True)
class _Candidate:
    """Some values of settings: what each seed ended with, and how many did not end."""

    configuration: str
    settings: tuple[Any, ...]
    by_seed: Mapping[int, float]
    lost: int

    @classmethod
    def of(cls, rows: pd.DataFrame, columns: Sequence[str], column: str) -> "_Candidate":
        ended = where(rows, (rows["status"] == "done") & np.isfinite(rows[column].to_numpy(float)))
        by_seed = {int(seed): float(value) for seed, value in zip(ended["seed"], series(ended, column), strict=True)}
        first = rows.iloc[0]
        return cls(str(first["configuration"]), tuple(first[name] for name in columns), by_seed, len(rows) - len(ended))

    def mean(self, seeds: frozenset[int]) -> float:
        """Return the mean over some seeds, or over its own where none is given; −∞ without any."""
        found = [value for seed, value in self.by_seed.items() if not seeds or seed in seeds]
        return float(np.mean(found)) if found else -np.inf


def _over_common_seeds(found: Sequence[_Candidate]) -> tuple[list[_Candidate], frozenset[int]]:
    """Return what can be compared, and over which seeds: all of it, or where no seed is common those with the most."""
    for compared in ([*found], [one for one in found if len(one.by_seed) == max(len(one.by_seed) for one in found)]):
        common = reduce(frozenset.__and__, (frozenset(one.by_seed) for one in compared))
        if common:
            return compared, common
    return compared, frozenset()


def _in_words(one: _Candidate, columns: Sequence[str], axis: str) -> str:
    """Return the value of an axis: that of each of its columns, once where they agree."""
    values = [one.settings[columns.index(name)] for name in SELECTABLE[axis]]
    words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return " and ".join(dict.fromkeys(words))


def _chosen(results: Results, choices: Sequence[Choice]) -> Results:
    final = where(results.final, results.final["configuration"].isin([choice.configuration for choice in choices]))
    cells = distinct(final, "cell")
    gradients, training = (where(frame, frame["cell"].isin(cells)) for frame in (results.gradients, results.training))
    return Results(gradients, training, final, results.runs)


def _by_what(column: str) -> str:
    if column == _EXPECTED:
        return "final objective (an expectation: there are no data to hold back)"
    return f"{FINAL_VALUES[column].label.removesuffix(' ≥')} on rows held back from training".replace("validation ", "")
