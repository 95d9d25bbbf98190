"""What the entries of a legend say: what is shown, with how many samples, and what has nothing to show."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from bench.figures.axes import handle
from bench.figures.page import Page
from bench.figures.palette import Look, Looks, Sized, sizes
from bench.results.declared import LEGEND
from bench.results.frames import distinct, grouped

_GREY: Final = "#4D4D4D"


def looks_of(shown: pd.DataFrame, page: Page) -> Looks:
    """Return the looks of the estimators of a figure, all of its pages included."""
    return Looks([*page.estimators, *shown["estimator"]])


def sizes_of(shown: pd.DataFrame, page: Page) -> dict[int, Sized]:
    """Return the size and shade of the markers of each K of a figure, all of its pages included."""
    return sizes([*page.samples, *shown["samples"]])


def handles(shown: pd.DataFrame, page: Page, line: bool = True, value: str = "value") -> list[Line2D]:
    """Return a legend's entries: one per label of the rows, in their order, with why a label has nothing to show."""
    entries, looks = [], looks_of(shown, page)
    for (label,), rows in grouped(shown, "label"):
        values = rows[value].to_numpy(float)
        why = "" if np.any(np.isfinite(values) & (values != 0)) else " (0)" if np.any(values == 0) else " (not finite)"
        first = rows.iloc[0]
        entries.append(handle(looks(first["estimator"], first["variant"]), f"{label}{why}", line))
    return entries


def sample_handles(shown: pd.DataFrame, page: Page) -> list[Line2D]:
    """Return a legend's entries for the K of the rows, where there are several."""
    counts, by_size = sorted(distinct(shown, "samples")), sizes_of(shown, page)
    grey = Look(_GREY, "o", "-", True)
    return [handle(by_size[count].of(grey), f"K = {count}", line=False) for count in counts] if len(counts) > 1 else []


def dagger_note(shown: pd.DataFrame) -> list[str]:
    """Return what a dagger means, where one is shown."""
    return [LEGEND] if "biased" in shown and np.any(shown["biased"]) else []
