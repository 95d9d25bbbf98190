"""A figure that does not fit on one page, on several."""

import math
from dataclasses import replace
from itertools import pairwise

import pandas as pd
from matplotlib.figure import Figure

from bench.figures import KINDS, draw
from bench.figures.page import Crowded, Page
from bench.results.frames import distinct, grouped


def laid_out(kind: str, shown: pd.DataFrame, page: Page) -> list[tuple[pd.DataFrame, Figure]]:
    """Return the rows and the figure of each page: as few pages as it takes, with about as many parts on each.

    A part that alone is taller than a page has a taller one.
    """
    shown = shown.reset_index(drop=True)
    if {"estimator", "samples"} <= set(shown):
        seen = tuple(distinct(shown, "estimator")), tuple(distinct(shown, "samples"))
        page = replace(page, estimators=seen[0], samples=seen[1])
    by = KINDS[kind].parts if kind in KINDS else ()
    parts = [shown]
    for depth in range(len(by) + 1):
        parts = [part for _, part in grouped(shown, *by[:depth])] if depth else [shown]
        for count in range(1, len(parts) + 1):
            try:
                return [(rows, draw(kind, rows, page)) for rows in _shared_out(parts, count)]
            except Crowded:
                continue
    return [(part, draw(kind, part, replace(page, height=math.inf))) for part in parts]


def _shared_out(parts: list[pd.DataFrame], count: int) -> list[pd.DataFrame]:
    """Return the parts in their order, shared out over `count` pages."""
    ends = [number * len(parts) // count for number in range(count + 1)]
    return [pd.concat(parts[start:end]).sort_index() for start, end in pairwise(ends)]
