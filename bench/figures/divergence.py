"""Trainings that diverged: where, and what of them is shown. Their values would set every axis."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.figures.palette import Looks
from bench.results.frames import grouped, records, series, where
from bench.results.tables import Results

_BEYOND: Final = 1e4
"""How many times as large as at the start, or as one nat, an objective is that has diverged."""
_MARK: Final = {"marker": "x", "markersize": 5, "markeredgewidth": 1.2, "linestyle": "none"}


def divergences(results: Results) -> pd.DataFrame:
    """Return a row per cell that diverged: configuration, cell, seed, and the `step` and `seconds` at which it did.

    That is where its objective left all bounds, which may be long before a number was not finite, or without one.
    """
    final = results.final
    ended = {row.cell: row.diverged_at for row in records(where(final, final["status"] == "diverged"))}
    found = []
    for (cell,), training in grouped(results.training, "cell"):
        objective = training["objective"].to_numpy(float)
        with np.errstate(invalid="ignore"):
            beyond = ~(np.abs(objective) <= _BEYOND * (1 + np.abs(objective[0])))
        # One that is not finite from the start has no bounds to leave.
        if np.any(beyond) and np.isfinite(objective[0]):
            step = int(training["step"].to_numpy()[np.argmax(beyond)])
        elif cell in ended:
            step = int(np.max(training["step"].to_numpy()) if pd.isna(ended[cell]) else ended[cell])
        else:
            continue
        first = training.iloc[0]
        until = where(training, training["step"] <= step)
        found.append([first["configuration"], cell, first["seed"], step, until["seconds"].max()])
    return pd.DataFrame(found, columns=["configuration", "cell", "seed", "step", "seconds"])


def before(frame: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table, by cell and step, before the cell diverged."""
    steps = series(frame, "cell").map(dict(zip(lost["cell"], lost["step"], strict=True))).astype(float)
    return where(frame, ~(frame["step"] >= steps))


def along_own(results: Results, lost: pd.DataFrame) -> pd.DataFrame:
    """Return those that lost their moments as well: at shared parameters these do not depend on a cell's training."""
    final = results.final
    return where(lost, lost["cell"].isin(where(final, final["measurement_at"] == "own")["cell"]))


def whole(results: Results) -> Results:
    """Return results whose tables end where a cell diverged."""
    lost = divergences(results)
    return Results(
        before(results.gradients, along_own(results, lost)), before(results.training, lost), results.final, results.runs
    )


def draw_divergences(place: Axes, panel: pd.DataFrame, x: str, looks: Looks) -> None:
    """Mark on the lower edge where trainings diverged, in their colours: rows with `diverged`."""
    for row in records(where(panel, panel["diverged"])):
        at = getattr(row, x)
        if np.isfinite(at):
            place.plot(
                at,
                0.0,
                color=looks(row.estimator).colour,
                transform=place.get_xaxis_transform(),
                clip_on=False,
                label="_diverged",
                **_MARK,
            )


def divergence_handles(shown: pd.DataFrame) -> list[Line2D]:
    """Return what a legend says of the marks, where there are any."""
    return [Line2D([], [], color="0.3", label="diverged", **_MARK)] if np.any(shown["diverged"]) else []
