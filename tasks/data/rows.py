"""Rows of a table: split, standardized, with a constant feature before the others and what is predicted behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.data.splitting import four_fifths

Array = NDArray[np.float64]
Part = tuple[Array, Array]
"""Features [N, F] and targets [N]."""


@dataclass(frozen=True)
class Rows:
    """Rows of features, a constant one first, with what is predicted in the last column: [N, features + 1].

    Attributes:
        train: to train on.
        test: to test.
        name: of the data set; part of a result's identity.
        note: one line for people.
    """

    train: Tensor
    test: Tensor
    name: str
    note: str


def split(features: Array, targets: Array) -> tuple[Part, Part]:
    """Return features [N, F] and targets [N] split 80 : 20 at random, features standardized with what is trained on."""
    train, test = four_fifths(len(targets))
    mean, deviation = features[train].mean(0), features[train].std(0)
    features = (features - mean) / np.where(deviation > 0, deviation, 1.0)
    return (features[train], targets[train]), (features[test], targets[test])


def joined(features: Array, targets: Array) -> Tensor:
    """Return rows as a task stores them, [N, F + 2]."""
    return torch.from_numpy(np.column_stack([np.ones(len(targets)), features, targets]))


def counted(train: Part, test: Part) -> str:
    """Return how many rows and features there are, in words."""
    features = train[0].shape[1]
    return f"{len(train[1])} rows of {features} feature{'s' * (features != 1)}, and {len(test[1])} to test"


def require_table(data: str, target: str | None, named: Sequence[str]) -> None:
    """Raise ValueError, with what to do, where data is neither the name of a table nor the path of a file.

    Args:
        data: what the user gave.
        target: the column that is predicted, which a table of ours has already.
        named: tables of ours.
    """
    if data in named:
        if target is not None:
            raise ValueError(f"target is for CSV files, but {data} has its own: leave it out")
    elif "." not in data and not Path(data).exists():
        raise ValueError(f"data must be {', '.join(named)}, or the path of a CSV file; there is no file '{data}'")
