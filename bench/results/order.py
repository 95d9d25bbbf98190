"""The order of rows, in everything that lists them: as `bench list` names estimators, and numbers as numbers."""

import re
from typing import Final

from bench.names.registry import ESTIMATORS
from bench.settings import Cell

_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)")

Key = tuple[str | float, ...]


def by_number(text: str) -> Key:
    """Return what to sort a text by, so that the numbers in it count as numbers.

    >>> from bench.results.order import by_number
    >>> sorted(["K=10", "K=2", "rate=1e-05", "rate=0.5"], key=by_number)
    ['K=2', 'K=10', 'rate=1e-05', 'rate=0.5']
    """
    parts = _NUMBER.split(text)
    return tuple(float(part) if place % 2 else part for place, part in enumerate(parts))


def place(estimator: str) -> tuple[int, str]:
    """Return what to sort estimators by: their order in the registry, then strangers by name."""
    names = ESTIMATORS.names()
    return (names.index(estimator) if estimator in names else len(names), estimator)


def cell_order(cell: Cell) -> tuple[Key, tuple[int, str], Key, int, int, Key]:
    """Return what to sort cells by: task, estimator, K, seed, then what else they are."""
    task, estimator = by_number(str(cell.task_spec)), by_number(str(cell.estimator_spec))
    rest = by_number(f"{cell.training} {cell.measurement} {cell.id}")
    return task, place(cell.estimator), estimator, cell.samples, cell.seed, rest
