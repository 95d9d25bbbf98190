"""Where news of cells goes: to the terminal, or to the process that started one that runs some of them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, final

from bench.execution.console import Console
from bench.execution.listener import Listener
from bench.execution.messages import say, title
from bench.execution.progress import Said, TerminalListener
from bench.execution.tally import Tally
from bench.settings import Cell


class Teller(Protocol):
    """Told what is run, and what comes of it."""

    def about(self, cells: Sequence[Cell], words: str, style: str = "yellow") -> None:
        """Say something about cells: their title, then these words."""

    def begin(self, cells: Sequence[Cell], where: str) -> None:
        """Cells are run from now on, on what `where` says; nothing where that was said before."""

    def found(self, cell: Cell) -> None:
        """A cell has a result, whatever it is."""

    def end(self, cells: Sequence[Cell], seconds: float) -> None:
        """Cells have been run to their ends, which took so long."""

    def listening(self) -> AbstractContextManager[Listener]:
        """Return the listener of the cells that are running now."""
        ...


@final
class TerminalTeller:
    """Says at once what becomes of the cells of this process.

    Args:
        console: where.
        tally: counts the cells of the invocation.
        apart: by a cell's id, the settings that tell it from others; see `told_apart`.
    """

    def __init__(self, console: Console, tally: Tally, apart: Mapping[str, str]) -> None:
        self._console, self._tally, self._apart = console, tally, apart
        self._said = Said()

    def about(self, cells: Sequence[Cell], words: str, style: str = "yellow") -> None:
        say(self._console, f"{title(*cells, apart=self._apart)}{words}", style)

    def begin(self, cells: Sequence[Cell], where: str) -> None:
        heading = f"{self._tally.place(cells)}{title(*cells, apart=self._apart)}"
        self._console.head(heading)
        say(self._console, f"{heading}{where}", "bold")

    def found(self, cell: Cell) -> None:
        self._tally.found(cell)

    def end(self, cells: Sequence[Cell], seconds: float) -> None:
        say(self._console, f"  {self._tally.ran(cells, seconds)}", "dim")

    def listening(self) -> AbstractContextManager[Listener]:
        return TerminalListener(self._console, self._said)
