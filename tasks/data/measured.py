"""Tables whose target is a number: diabetes (with scikit-learn), a toy one, and a user's own."""

from typing import Final, Literal, TypeGuard, get_args

import numpy as np

from tasks.data.own_table import load_measured
from tasks.data.rows import Array, Part, Rows, counted, joined, split

Table = Literal["diabetes", "toy"]

SHAPES: Final[dict[Table, tuple[int, int]]] = {"diabetes": (353, 11), "toy": (12, 2)}
"""Training rows, and features, a constant one among them."""

_SEED: Final = 0
_TOY_NOISE: Final = 0.3


def is_named(table: str) -> TypeGuard[Table]:
    """Return whether a text is the name of a table, and not the path of a file."""
    return table in get_args(Table)


def load_own(place: str, target: str | None) -> Rows:
    """Return a CSV file as `load` does a table.

    Raises:
        DataUnavailable: it cannot be used.
        ValueError: the target is no column.
    """
    found = load_measured(place, target, "data")
    train, test = split(found.features, found.target)
    return _rows(train, test, found.name, found.note)


def load(table: Table) -> Rows:
    """Return a table. Diabetes (Efron, Hastie, Johnstone & Tibshirani 2004) is shuffled and split 80 : 20.

    Features and target are standardized with the mean and the deviation of the training rows.
    """
    train, test = _toy() if table == "toy" else split(*_diabetes())
    note = "y" if table == "toy" else "progression of the disease after a year"
    return _rows(train, test, f"{table}-{len(train[1])}", f"target: {note}")


def _rows(train: Part, test: Part, name: str, note: str) -> Rows:
    mean, deviation = train[1].mean(), train[1].std()
    # A target may be the same in all rows that are trained on, as where it is seldom anything else.
    deviation = deviation if deviation > 0 else 1.0
    train, test = ((features, (targets - mean) / deviation) for features, targets in (train, test))
    said = f"{counted(train, test)}; y in units of its deviation {deviation:.4g} from its mean {mean:.4g}; {note}"
    return Rows(joined(*train), joined(*test), name, said)


def _diabetes() -> tuple[Array, Array]:
    # It takes a second to import.
    from sklearn.datasets import load_diabetes

    features, targets = load_diabetes(return_X_y=True)
    return np.asarray(features, np.float64), np.asarray(targets, np.float64)


def _toy() -> tuple[Part, Part]:
    """Return rows of one feature t ~ N(0, 1) with y = tanh 2t + N(0, 0.3²)."""
    generator = np.random.default_rng(_SEED)
    t, noise = generator.standard_normal((2, 2, SHAPES["toy"][0]))
    y = np.tanh(2 * t) + _TOY_NOISE * noise
    return (t[0][:, None], y[0]), (t[1][:, None], y[1])
