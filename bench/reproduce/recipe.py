"""What a recipe is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bench.execution.plan import Request
from bench.figures.page import Page
from bench.names.spec import Spec, parse_spec
from bench.results.summary import Block
from bench.results.tables import Results
from bench.settings import Cell


@dataclass(frozen=True)
class Ran:
    """What a recipe's cells came to.

    Attributes:
        cells: those that have a record.
        results: their tables, and nothing of other cells in the same folder.
    """

    cells: Sequence[Cell]
    results: Results

    def cell(self, configuration: str) -> Cell:
        """Return the first cell of a configuration, whatever its seed."""
        final = self.results.final
        names = set(final.loc[final["configuration"] == configuration, "cell"])
        return next(cell for cell in self.cells if cell.id in names)


@dataclass(frozen=True)
class Recipe:
    """One experiment.

    Attributes:
        title: what it is about.
        source: the lecture's problem, or the paper.
        settings: what is run, and where that differs from the source; a sentence each.
        full: the requests that it runs.
        quick: those of `--quick`.
        shortened: what `--quick` leaves out.
        rows: from results to the frame that the tables and the figure show, theory or published numbers beside ours.
        tables: of those rows.
        draw: the figure of those rows.
        see: what to look for, a sentence or two.
        also: kinds of `bench.figures` that need no results and belong to it.
    """

    title: str
    source: str
    settings: tuple[str, ...]
    full: tuple[Request, ...]
    quick: tuple[Request, ...]
    shortened: str
    rows: Callable[[Ran], pd.DataFrame]
    tables: Callable[[pd.DataFrame], Sequence[Block]]
    draw: Callable[[pd.DataFrame, Page], Figure]
    see: str
    also: tuple[str, ...] = ()


def specs(*texts: str) -> tuple[Spec, ...]:
    """Return tasks or estimators as they are written on the command line."""
    return tuple(map(parse_spec, texts))
