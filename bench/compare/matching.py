"""Which cells of two sets of results are the same experiment: all settings equal but the seed and what only costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from bench.compare.experiments import Row, experiment_names, identity
from bench.errors import UsageError
from bench.names.registry import ESTIMATORS
from bench.results.tables import Results

Where = tuple[int, str, str]
"""Step, parameter group and metric of a reading."""

_HARDWARE: Final = {"cpu": ("cpu", "cores", "threads"), "cuda": ("gpu",)}


@dataclass(frozen=True)
class MeasuredCell:
    """One cell: its row of the `final` table, its rows of the `gradients` table, and the hardware that it ran on."""

    row: Row
    gradients: dict[Where, Row]
    hardware: tuple[Any, ...] | None


@dataclass(frozen=True)
class Match:
    """One experiment in both sets of results, its cells by seed."""

    base: dict[int, MeasuredCell]
    new: dict[int, MeasuredCell]

    @property
    def row(self) -> Row:
        """A row of BASE, for what all its cells have in common."""
        return next(iter(self.base.values())).row


@dataclass(frozen=True)
class Matches:
    """The experiments that both sides have, and sentences about what is not compared."""

    found: list[Match]
    notes: list[str] = field(default_factory=list)

    def groups(self) -> list[str]:
        """Return the parameter groups of which a gradient was measured on both sides of an experiment."""
        sides = [
            [{group for cell in side.values() for _, group, _ in cell.gradients} for side in (one.base, one.new)]
            for one in self.found
        ]
        return sorted(set().union(*(base & new for base, new in sides)))


def match(base: Results, new: Results, pairs: Mapping[str, str] | None = None) -> Matches:
    """Match the cells of two sets of results.

    Args:
        base: the results to compare with.
        new: the results to judge.
        pairs: estimators of BASE with the estimators of NEW that stand in for them, whatever their parameters; if any
            are given, only these are compared.

    Raises:
        UsageError: a pair names what is not there, or more than one experiment would stand for the same.
    """
    pairs = pairs or {}
    left = _experiments(base, {name: name for name in pairs}, "BASE")
    right = _experiments(new, {other: name for name, other in pairs.items()}, "NEW")
    found = [Match(cells, right[key]) for key, cells in left.items() if key in right]
    names = _names([*left.values(), *right.values()])
    notes = [f"only in BASE: {_title(cells, names)}" for key, cells in left.items() if key not in right]
    notes += [f"only in NEW: {_title(cells, names)}" for key, cells in right.items() if key not in left]
    for experiment in found:
        notes += _about(experiment, names)
    return Matches(found, notes)


def parse_pairs(texts: Sequence[str]) -> dict[str, str]:
    """Parse `BASE_ESTIMATOR=NEW_ESTIMATOR`; aliases become names."""
    pairs = {}
    for text in texts:
        base, equals, new = (part.strip() for part in text.partition("="))
        if not (base and equals and new):
            raise UsageError(f"'{text}' is not a pair of estimators such as reinforce=reinforce-loo")
        pairs[ESTIMATORS.aliases.get(base, base)] = ESTIMATORS.aliases.get(new, new)
    return pairs


def _experiments(
    results: Results, renamed: Mapping[str, str], side: str
) -> dict[tuple[Any, ...], dict[int, MeasuredCell]]:
    """Return cells by what they must have in common, then by seed; of equal cells the one that was started last."""
    gradients = _gradients_by_cell(results.gradients)
    hardware = {row["run"]: row for row in rows_of(results.runs)}
    experiments: dict[tuple[Any, ...], dict[int, MeasuredCell]] = {}
    for row in sorted(rows_of(results.final), key=lambda row: row["started"]):
        if renamed and row["estimator"] not in renamed:
            continue
        key = _key(row, renamed)
        cells = experiments.setdefault(key, {})
        for other in cells.values():
            if renamed and other.row["estimator_parameters"] != row["estimator_parameters"]:
                raise UsageError(f"{side} has {row['estimator']} with several parameters; --pair needs one of them")
        machine = hardware.get(row["run"])
        parts = None if machine is None else tuple(machine[part] for part in _HARDWARE.get(row["device"], ()))
        cells[row["seed"]] = MeasuredCell(row, gradients.get(row["cell"], {}), parts)
    for name in renamed:
        if not any(row == name for row in results.final["estimator"]):
            raise UsageError(f"{side} has no cell of '{name}'; `bench status` names what there is")
    return experiments


def _key(row: Row, renamed: Mapping[str, str]) -> tuple[Any, ...]:
    paired = {"estimator": renamed[row["estimator"]], "estimator_parameters": None} if renamed else {}
    return tuple((identity(row) | paired).values())


def _gradients_by_cell(frame: pd.DataFrame) -> dict[str, dict[Where, Row]]:
    cells: dict[str, dict[Where, Row]] = {}
    for row in rows_of(frame):
        cells.setdefault(row["cell"], {})[row["step"], row["group"], row["metric"]] = row
    return cells


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame, None for what is missing."""
    missing = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in missing.to_dict("records")]


def _names(experiments: Iterable[Mapping[int, MeasuredCell]]) -> dict[tuple[Any, ...], str]:
    """Return what experiments are called, by what their cells have in common."""
    rows = [next(iter(cells.values())).row for cells in experiments]
    return dict(zip([_key(row, {}) for row in rows], experiment_names(rows), strict=True))


def _title(cells: Mapping[int, MeasuredCell], names: Mapping[tuple[Any, ...], str]) -> str:
    row = next(iter(cells.values())).row
    return f"{names[_key(row, {})]} · seed {', '.join(map(str, sorted(cells)))}"


def _about(experiment: Match, names: Mapping[tuple[Any, ...], str]) -> list[str]:
    """Return what the two sides of one experiment do not have in common."""
    title = names[_key(experiment.row, {})]
    notes = []
    sides = {"BASE": experiment.base, "NEW": experiment.new}
    for (side, cells), others in zip(sides.items(), (experiment.new, experiment.base), strict=True):
        alone = ", ".join(str(seed) for seed in sorted(cells.keys() - others.keys()))
        if alone and others.keys() & cells.keys():
            notes.append(f"{title}: seed {alone} only in {side}")
        for seed, cell in cells.items():
            if cell.row["status"] != "done":
                notes.append(f"{title}: in {side}, seed {seed} {cell.row['status']}: {cell.row['reason']}")
    steps = [{where[0] for cell in side.values() for where in cell.gradients} for side in sides.values()]
    if steps[0] != steps[1]:
        odd = ", ".join(map(str, sorted(steps[0] ^ steps[1])))
        notes.append(f"{title}: step {odd} measured on one side only")
    for what in ("task_version", "estimator_version"):
        versions = [sorted({cell.row[what] for cell in side.values()}) for side in (experiment.base, experiment.new)]
        if versions[0] != versions[1]:
            texts = [", ".join(map(str, found)) for found in versions]
            notes.append(f"{title}: {what.replace('_', ' ')} {texts[0]} in BASE and {texts[1]} in NEW")
    return notes
