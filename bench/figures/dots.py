"""Dot plots: a line for each name, a dot for each K on it, and the values along the axis."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.figures.axes import is_leftmost, say_nothing
from bench.figures.page import Page
from bench.figures.palette import Looks, Sized
from bench.results.frames import distinct, records, where

_BETWEEN: Final = 0.6
"""Between two names, in terms of the distance of two K of one name."""
_BELOW: Final = 0.3
"""How far below the mean the dots of single seeds stand, likewise."""


class Lines:
    """Which line each configuration stands on: the K of a name beside each other, the next name apart.

    Args:
        shown: rows with `label` (of the name alone, where several K share it) and `samples`.
    """

    def __init__(self, shown: pd.DataFrame) -> None:
        self.names: list[str] = distinct(shown, "label")
        self.places: dict[tuple[str, int], float] = {}
        self.ticks: list[float] = []
        place = 0.0
        for name in self.names:
            counts = sorted(distinct(where(shown, shown["label"] == name), "samples"))
            self.places |= {(name, count): place + number for number, count in enumerate(counts)}
            self.ticks.append(place + (len(counts) - 1) / 2)
            place += len(counts) + (_BETWEEN if len(counts) > 1 else 0)
        self.end = max(self.places.values()) if self.places else 0.0

    def height(self, page: Page) -> float:
        """Return the inches of a panel with its axis labels."""
        dense = len(self.places) > len(self.names)
        return 0.7 + page.small / 72 * (1.25 if dense else 1.8) * (self.end + 1)


def draw_dots(
    place: Axes, panel: pd.DataFrame, lines: Lines, looks: Looks, sizes: Mapping[int, Sized], labels: Mapping[str, str]
) -> None:
    """Draw means with their intervals, and below them the dots of single seeds.

    Args:
        place: where to; its axis of values is scaled already.
        panel: rows with label, variant, samples, value, ci_low, ci_high, and `seed`, which is missing in a mean's row.
        lines: which line each is on.
        looks: of the estimators.
        sizes: of the K; none where there is one.
        labels: what stands beside the line of a name.
    """
    for row in records(panel):
        at = lines.places[row.label, row.samples]
        style = looks(row.estimator, row.variant)
        style = sizes[row.samples].of(style) if len(sizes) > 1 else style
        if not pd.isna(row.seed):
            place.plot(row.value, at + _BELOW, ".", color="0.55", markersize=2, markeredgewidth=0, label="_seed")
        elif _fits(place, row.value):
            half = np.nan_to_num([[row.value - row.ci_low], [row.ci_high - row.value]], posinf=0.0)
            place.errorbar(
                row.value,
                at,
                xerr=np.clip(half, 0, None),
                color=style.colour,
                elinewidth=0.9,
                linestyle="none",
                markersize=style.size,
                **style.markers,
            )
        else:
            place.text(
                0.5,
                at,
                "0" if row.value == 0 else "not finite",
                transform=place.get_yaxis_transform(),
                ha="center",
                va="center",
                color="0.4",
                fontsize="small",
            )
    first = is_leftmost(place)
    place.set_yticks(lines.ticks, [labels[name] for name in lines.names] if first else [""] * len(lines.names))
    place.set_ylim(lines.end + 0.6, -0.6)
    place.tick_params(axis="y", length=0)
    place.grid(axis="y", linewidth=0.3, color="0.88")
    place.set_axisbelow(True)
    if panel.empty:
        say_nothing(place, "nothing to show")


def _fits(place: Axes, value: float) -> bool:
    return bool(np.isfinite(value)) and (place.get_xscale() != "log" or value > 0)
