"""What a process that runs cells for another one tells it: events, which are plain data."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, final

from bench.execution.listener import Listener
from bench.settings import Cell

_PAUSE: Final = 0.2
"""Seconds between two events about one phase: nobody reads faster."""


@dataclass(frozen=True)
class About:
    """Something is said of cells, by their ids; see `Teller`."""

    cells: tuple[str, ...]
    words: str
    style: str


@dataclass(frozen=True)
class Begin:
    """Cells are run from now on."""

    cells: tuple[str, ...]


@dataclass(frozen=True)
class Phase:
    """How far the cells that run are; see `Listener`."""

    name: str
    done: float
    total: float


@dataclass(frozen=True)
class Warn:
    """A reader of the numbers should know something."""

    message: str


@dataclass(frozen=True)
class Found:
    """A cell has a result."""

    cell: str


@dataclass(frozen=True)
class End:
    """Cells have been run to their ends."""

    cells: tuple[str, ...]
    seconds: float


Event = About | Begin | Phase | Warn | Found | End


@final
class Relay:
    """A `Teller` that hands everything on.

    Args:
        tell: takes an event.
    """

    def __init__(self, tell: Callable[[Event], object]) -> None:
        self._tell = tell

    def about(self, cells: Sequence[Cell], words: str, style: str = "yellow") -> None:
        self._tell(About(_ids(cells), words, style))

    def begin(self, cells: Sequence[Cell], where: str) -> None:
        # On what they are run is the same for all, and said by who started the processes.
        self._tell(Begin(_ids(cells)))

    def found(self, cell: Cell) -> None:
        self._tell(Found(cell.id))

    def end(self, cells: Sequence[Cell], seconds: float) -> None:
        self._tell(End(_ids(cells), seconds))

    def listening(self) -> AbstractContextManager[Listener]:
        return nullcontext(_Phases(self._tell))


@final
class _Phases:
    """A `Listener` that hands on how far a cell is, now and then."""

    def __init__(self, tell: Callable[[Event], object]) -> None:
        self._tell, self._name, self._told = tell, "", 0.0

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        now = time.monotonic()
        if name == self._name and now - self._told < _PAUSE:
            return
        self._name, self._told = name, now
        self._tell(Phase(name, done, total))

    def warn(self, message: str) -> None:
        self._tell(Warn(message))


def _ids(cells: Sequence[Cell]) -> tuple[str, ...]:
    return tuple(cell.id for cell in cells)
