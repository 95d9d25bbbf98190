"""Two-class tables: breast cancer (with scikit-learn), australian, german, sonar, a9a, a toy one, and a user's own."""

from dataclasses import dataclass
from typing import Final, Literal, TypeGuard, get_args

import numpy as np

from tasks.data import DataUnavailable
from tasks.data.cache import read
from tasks.data.own_table import load_labelled
from tasks.data.rows import Array, Rows, counted, joined, split

Table = Literal["breast-cancer", "australian", "german", "sonar", "a9a", "toy"]


@dataclass(frozen=True)
class Shape:
    """What a table has: training rows, and features, a constant one among them."""

    rows: int
    features: int


SHAPES: Final[dict[Table, Shape]] = {
    "breast-cancer": Shape(455, 31),
    "australian": Shape(552, 15),
    "german": Shape(800, 62),
    "sonar": Shape(166, 61),
    "a9a": Shape(32561, 124),
    "toy": Shape(12, 2),
}

_POSITIVE: Final = {"australian": "1", "german": "1", "sonar": "M"}
"""The last field of a row of the positive class: an accepted application, good credit, a metal cylinder."""
_SEED: Final = 0
_TOY_SLOPE: Final = 1.5


def is_named(table: str) -> TypeGuard[Table]:
    """Return whether a text is the name of a table, and not the path of a file."""
    return table in get_args(Table)


def load_own(place: str, target: str | None) -> Rows:
    """Return a CSV file as `load` does a table.

    Raises:
        DataUnavailable: it cannot be used.
        ValueError: the target is no column.
    """
    found = load_labelled(place, target, "data")
    train, test = split(found.features, found.target)
    return Rows(joined(*train), joined(*test), found.name, f"{counted(train, test)}; {found.note}")


def load(table: Table) -> Rows:
    """Return a table, shuffled and split 80 : 20; a9a comes with a split of its own.

    Features are standardized with the training rows' mean and deviation, categories as a column for each value. Those
    of a9a are binary already, some of them in a few rows only, and stay as they are.

    Raises:
        DataUnavailable: the table is not in the cache folder, or corrupt.
    """
    if table == "a9a":
        train, test = _libsvm(read("logistic", "a9a")), _libsvm(read("logistic", "a9a.t"))
    elif table == "toy":
        train, test = _toy()
    else:
        train, test = split(*(_breast_cancer() if table == "breast-cancer" else _keel(table)))
    rows = joined(*train)
    size, columns = rows.shape
    return Rows(rows, joined(*test), f"{table}-{size}", f"{size} rows of {columns - 1} features")


def _breast_cancer() -> tuple[Array, Array]:
    # It takes a second to import.
    from sklearn.datasets import load_breast_cancer

    features, labels = load_breast_cancer(return_X_y=True)
    return np.asarray(features, np.float64), 2.0 * np.asarray(labels) - 1.0


def _keel(table: Table) -> tuple[Array, Array]:
    """Return features and labels of rows of comma-separated fields, the label last; words become columns of 0 and 1."""
    text = read("logistic", f"{table}.dat").decode()
    fields = [[field.strip() for field in line.split(",")] for line in text.splitlines() if line]
    columns = [_numbers(column) for column in zip(*(row[:-1] for row in fields), strict=True)]
    labels = np.where([row[-1] == _POSITIVE[table] for row in fields], 1.0, -1.0)
    return np.column_stack(columns), labels


def _numbers(column: tuple[str, ...]) -> Array:
    try:
        return np.array([float(field) for field in column])[:, None]
    except ValueError:
        values = sorted(set(column))
        return np.array([[float(field == value) for value in values] for field in column])


def _libsvm(content: bytes) -> tuple[Array, Array]:
    """Return features and labels of rows `label index:value index:value …`, indices from 1."""
    lines = content.decode().splitlines()
    features = np.zeros((len(lines), SHAPES["a9a"].features - 1))
    labels = np.zeros(len(lines))
    try:
        for row, line in enumerate(lines):
            label, *pairs = line.split()
            labels[row] = float(label)
            for pair in pairs:
                index, value = pair.split(":")
                features[row, int(index) - 1] = float(value)
    except (ValueError, IndexError) as error:
        raise DataUnavailable(f"logistic/a9a cannot be read: {error}") from error
    return features, labels


def _toy() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return rows of one feature t ~ N(0, 1) with P(y = 1) = sigmoid(1.5 t)."""
    generator = np.random.default_rng(_SEED)
    shape = (2, SHAPES["toy"].rows)
    features, uniform = generator.standard_normal(shape), generator.random(shape)
    labels = np.where(uniform < 1 / (1 + np.exp(-_TOY_SLOPE * features)), 1.0, -1.0)
    return (features[0], labels[0]), (features[1], labels[1])
