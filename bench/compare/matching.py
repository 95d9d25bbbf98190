"""Which cells of two sets of results are the same experiment: all settings equal but the seed and what only costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from bench.compare.experiments import Match, MeasuredCell, Row, Where, experiment_names, identity
from bench.compare.sides import about, broken, missing
from bench.errors import UsageError
from bench.names.registry import ESTIMATORS
from bench.results.frames import where
from bench.results.metrics import OF_COORDINATES
from bench.results.tables import Results

_HARDWARE: Final = {"cpu": ("cpu", "cores", "threads"), "cuda": ("gpu",)}


@dataclass(frozen=True)
class Matches:
    """The experiments that both sides have, and sentences about what is not compared.

    Attributes:
        found: what is compared.
        notes: what else a reader should know.
        missing: what BASE has and NEW lacks, or has in another version of the task.
        broken: cells of NEW that failed or diverged, where BASE's did not.
    """

    found: list[Match]
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def groups(self) -> list[str]:
        """Return the parameter groups whose gradient was measured on both sides of an experiment."""
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
    matches = Matches(found)
    # Without the version of the task, which is the last of what cells have in common.
    unpaired = {key[:-1] for key in left if key not in right}
    for key, cells in left.items():
        if key not in right:
            matches.missing.append(_without_partner(_title(cells, names), "BASE", "NEW", key, right))
    for key, cells in right.items():
        if key not in left and key[:-1] not in unpaired:
            matches.notes.append(_without_partner(_title(cells, names), "NEW", "BASE", key, left))
    for experiment in found:
        title = names[_key(experiment.row, {})]
        matches.missing.extend(f"{title}: {text}" for text in missing(experiment))
        matches.broken.extend(f"{title}: {text}" for text in broken(experiment))
        matches.notes.extend(f"{title}: {text}" for text in about(experiment))
    return matches


def _without_partner(title: str, side: str, other: str, key: tuple[Any, ...], others: Iterable[tuple[Any, ...]]) -> str:
    """Return the sentence about an experiment that the other side has not, or only of another version of the task."""
    versions = ", ".join(str(found[-1]) for found in others if found[:-1] == key[:-1])
    if not versions:
        return f"only in {side}: {title}"
    return f"not comparable: {title}: task version {key[-1]} in {side} and {versions} in {other}"


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
        # Of another version of the task, numbers are of another problem.
        key = (*_key(row, renamed), row["task_version"])
        cells = experiments.setdefault(key, {})
        for other in cells.values():
            if renamed and other.row["estimator_parameters"] != row["estimator_parameters"]:
                raise UsageError(f"{side} has {row['estimator']} with several parameters; --pair needs one of them")
        machine = hardware.get(row["run"])
        parts = None if machine is None else tuple(machine[part] for part in _HARDWARE.get(row["device"], ()))
        cells[row["seed"]] = MeasuredCell(row, gradients.get(row["cell"], {}), parts)
    for name in renamed:
        if not any(row == name for row in results.final["estimator"]):
            raise UsageError(f"{side} has no cell of '{name}'; `bench status` lists its cells")
    return experiments


def _key(row: Row, renamed: Mapping[str, str]) -> tuple[Any, ...]:
    paired = {"estimator": renamed[row["estimator"]], "estimator_parameters": None} if renamed else {}
    return tuple((identity(row) | paired).values())


def _gradients_by_cell(frame: pd.DataFrame) -> dict[str, dict[Where, Row]]:
    cells: dict[str, dict[Where, Row]] = {}
    for row in rows_of(where(frame, ~frame["metric"].isin(OF_COORDINATES))):
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
