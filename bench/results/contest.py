"""Which of some settings is best for an estimator, over seeds, and what a reader must know of the choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, final

import numpy as np
import pandas as pd

from bench.results.frames import grouped, series, where
from bench.results.metrics import FINAL_VALUES
from bench.results.order import by_number

SELECTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "guide-lr": ("training_guide_lr",),
    "model-lr": ("training_model_lr",),
    "batch-size": ("training_batch_size",),
    "optimizer": ("training_optimizer",),
    "schedule": ("training_schedule", "training_model_schedule"),
    "guide-schedule": ("training_schedule",),
    "model-schedule": ("training_model_schedule",),
    "learning": ("training_learning",),
    "kl-warmup": ("training_kl_warmup",),
    "clip-norm": ("training_clip_norm",),
}
"""The axes of a grid, as `bench run` has them, and the columns of their values."""

_NUMBERS: Final = ("guide-lr", "model-lr", "batch-size", "clip-norm")
"""Axes whose values have an order, and so an edge."""


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


@final
class Contest:
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
            said.append(f"left out because seeds diverged or failed: {', '.join(left_out)}")
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
