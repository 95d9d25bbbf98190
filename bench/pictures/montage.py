"""Many small images as one, with labels at rows and columns."""

from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.figures.page import Page
from bench.pictures.images import Pixels

GAP: Final = 1
"""Between two images, in their pixels."""

_LABEL: Final = 0.17
"""Inches that a line of labels takes."""


def montage(cells: Pixels, below: Sequence[int] = (), beside: Sequence[int] = ()) -> tuple[Pixels, Pixels, Pixels]:
    """Put images [R, C, height, width] into one; return it, NaN between images, and the centres of rows and columns.

    In colour they have an axis more, of red, green and blue.

    Args:
        cells: the images; one that is NaN stays empty.
        below: rows with a wider gap below them.
        beside: columns with a wider gap beside them.
    """
    rows, columns, height, width, *channels = cells.shape
    tops, lefts = _starts(rows, height, below), _starts(columns, width, beside)
    whole = np.full((tops[-1] + height, lefts[-1] + width, *channels), np.nan)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            whole[top : top + height, left : left + width] = cells[row, column]
    return whole, tops + (height - 1) / 2, lefts + (width - 1) / 2


def picture(
    page: Page,
    cells: Pixels,
    dark: bool,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    note: str = "",
    below: Sequence[int] = (),
    beside: Sequence[int] = (),
) -> Figure:
    """Return a figure of images [R, C, height, width], or [R, C, height, width, 3] in colour.

    Args:
        page: where it is to stand.
        cells: the images, between 0 and 1.
        dark: print 0 in white and 1 in black.
        row_labels: one for each row, or none.
        column_labels: one for each column, or none.
        note: a line below, about the labels.
        below: rows with a wider gap below them.
        beside: columns with a wider gap beside them.

    Raises:
        UsageError: the page is not tall enough.
    """
    whole, centres, middles = montage(cells, below, beside)
    margin = 0.008 * page.small * max(map(len, row_labels), default=0)
    lines = bool(column_labels) + bool(note)
    height = (page.width - margin - 0.06) * whole.shape[0] / whole.shape[1] + lines * _LABEL + 0.06
    figure = page.figure(1, 1, height=height)
    axes = figure.subplots()
    colours = mpl.colormaps["gray_r" if dark else "gray"].with_extremes(bad="white")
    # What is between images in colour has no colour of a map.
    shown = np.ma.masked_invalid(whole) if whole.ndim == 2 else np.nan_to_num(whole, nan=1.0)
    axes.imshow(shown, cmap=colours, vmin=0, vmax=1, interpolation="none")
    _label(axes, centres, middles, row_labels, column_labels, page)
    axes.set_xlabel(note, loc="left", fontsize=page.small)
    return figure


def _label(
    axes: Axes, centres: Pixels, middles: Pixels, row_labels: Sequence[str], column_labels: Sequence[str], page: Page
) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, pad=2, labelsize=page.small, top=False, labeltop=True, bottom=False, labelbottom=False)
    axes.set_yticks(centres if len(row_labels) else [], row_labels or None)
    axes.set_xticks(middles if len(column_labels) else [], column_labels or None)


def _starts(count: int, size: int, wider: Sequence[int]) -> NDArray[np.int64]:
    """Return where each image begins along an axis."""
    gaps = [GAP + (size // 4 if place in wider else 0) for place in range(count - 1)]
    return np.cumsum([0, *(size + gap for gap in gaps)])


def columns_of(page: Page) -> int:
    """Return how many images stand beside each other."""
    return 8 * page.columns
