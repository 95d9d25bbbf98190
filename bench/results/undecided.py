"""Biases without an error that say nothing, as records of before the rounding of a gradient was measured have them.

Where all replicates are equal, their difference to the reference has no error, and reads as a bias of which there is no
doubt. It may be rounding: an estimate of 0 against a reference of 8e−17. Or an event that no replicate saw would have
set others apart, which is why there was a variance at other steps.
"""

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.results.frames import grouped, where
from bench.results.over_seeds import last_steps
from bench.results.verdicts import BIASES

_JUDGED_BY: Final = ("variance", *BIASES)

_ROUNDING: Final = 8.0
"""In units of the type's rounding, as in `bench.measure`."""
_EPSILON: Final = {"float32": float(np.finfo(np.float32).eps), "float64": float(np.finfo(np.float64).eps)}

NOTE: Final = "no verdict (–) if all replicates are equal: their difference from the reference may be rounding"


def needed_for_summary(rows: pa.Table, cells: np.ndarray) -> np.ndarray:
    """Return which rows of the gradients a summary is made of: those of a cell's last step, and what judges a bias.

    Args:
        rows: of some cells, `step` and `metric`.
        cells: to which one each belongs, as whole numbers from 0.
    """
    steps = rows["step"].to_numpy()
    last = np.full(cells.max(initial=-1) + 1, -1)
    np.maximum.at(last, cells, steps)
    metrics = rows["metric"].combine_chunks().dictionary_encode()
    judges = np.array([name in _JUDGED_BY for name in metrics.dictionary.to_pylist()], bool)
    return (steps == last[cells]) | judges[metrics.indices.to_numpy()]


def undecided(gradients: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the configurations and parameter groups of whose bias at the last step nothing can be said.

    Args:
        gradients: every measured step, or what `needed_for_summary` leaves of it.
    """
    last = last_steps(gradients)
    biases = where(last, last["metric"].isin(BIASES) & (last["value"] > 0))
    exact = where(biases, biases["ci_low"] == biases["ci_high"])
    cells = dict(grouped(where(gradients, gradients["cell"].isin(exact["cell"])), "cell"))
    found = {
        key: [_is_undecided(cells[cell,], str(key[1])) for cell in set(rows["cell"])]
        for key, rows in grouped(exact, "configuration", "group")
    }
    return {key for key, seeds in found.items() if all(seeds)}


def _is_undecided(of_cell: pd.DataFrame, group: str) -> bool:
    """Return whether a bias without an error may be of rounding, or of an event that was not seen."""
    rows = where(of_cell, of_cell["group"] == group)
    values = {name: _by_step(rows, name) for name in ("variance", "bias", "relative_bias")}
    last = max(values["variance"])
    if values["variance"][last] > 0:
        return False
    relative = {step: value for step, value in values["relative_bias"].items() if value > 0}
    # What a gradient is made of is no smaller than it was at other steps; parameters are about one.
    size = max([1.0, *(values["bias"][step] / value for step, value in relative.items())])
    is_rounding = values["bias"][last] <= _ROUNDING * _EPSILON[str(rows["dtype"].iloc[0])] * size
    return is_rounding or max(values["variance"].values()) > 0


def _by_step(rows: pd.DataFrame, metric: str) -> dict[int, float]:
    found = where(rows, rows["metric"] == metric)
    return dict(zip(found["step"], found["value"], strict=True))
