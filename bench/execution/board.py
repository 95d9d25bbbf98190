"""What happens in several processes at once, on one terminal: how many cells are done, and what runs now."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, final

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from bench.execution.console import Console
from bench.execution.messages import say, title
from bench.execution.progress import PHASES
from bench.execution.relay import About, Begin, End, Event, Found, Phase, Warn
from bench.execution.tally import Tally
from bench.settings import Cell

_HEARTBEAT: Final = 60.0
"""Seconds between two lines of a log about what runs."""


@dataclass
class _Running:
    """What a process is at: its cells, its line on the terminal, and its phase in words."""

    title: str
    line: TaskID
    phase: str = ""


@final
class Board:
    """Hears what processes tell and says it: a line per cell that has come to its end, and what runs beneath.

    Args:
        console: where.
        cells: of the invocation.
        tally: counts them.
        apart: by a cell's id, the settings that tell it from others; see `told_apart`.
        due: how many cells are run.
        clock: seconds, from anywhere.
    """

    def __init__(
        self,
        console: Console,
        cells: Sequence[Cell],
        tally: Tally,
        apart: Mapping[str, str],
        due: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._tally, self._apart, self._clock = console, tally, apart, clock
        self._cells = {cell.id: cell for cell in cells}
        self._running: dict[int, _Running] = {}
        self._warnings: set[str] = set()
        self._lock = threading.RLock()
        self._beat = clock()
        self._progress = Progress(
            TextColumn(
                "  {task.description}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=8),
            TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, min_width=22)),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self._total = self._progress.add_task("cells", total=due, note=f"0/{due}")
        self._due, self._done = due, 0

    def hear(self, who: int, event: Event) -> None:
        """Take what a process tells; `who` is a number of its own."""
        with self._lock:
            match event:
                case Begin(cells):
                    self._begin(who, cells)
                case Phase(name, done, total):
                    self._reach(who, name, done, total)
                case About(cells, words, style):
                    say(self._console, f"{self._title(cells)}{words}", style)
                case Warn(message):
                    if message not in self._warnings:
                        self._warnings.add(message)
                        self._console.warn(message)
                case Found(cell):
                    self._tally.found(self._cells[cell])
                case End(cells, seconds):
                    mine = [self._cells[cell] for cell in cells]
                    place = self._tally.place(mine)
                    say(self._console, f"{place}{self._title(cells)} · {self._tally.ran(mine, seconds)}", "")
            self._heartbeat()

    def say(self, message: str) -> None:
        """Say a sentence that is about no single cell."""
        say(self._console, message)

    def warn(self, message: str) -> None:
        """Say, likewise, what is not as it should be."""
        self._console.warn(message)

    def rest(self, who: int) -> None:
        """A process runs nothing any more: it is done with its cells, or gone."""
        with self._lock:
            if (running := self._running.pop(who, None)) is not None:
                self._progress.remove_task(running.line)

    def count(self, cells: int) -> None:
        """So many cells more have come to their ends."""
        with self._lock:
            self._done += cells
            self._progress.update(self._total, completed=self._done, note=f"{self._done}/{self._due}")
            self._console.show(f"{self._done} of {self._due} cells are done", self._done / self._due)

    def _begin(self, who: int, cells: Sequence[str]) -> None:
        self.rest(who)
        text = self._title(cells)
        self._running[who] = _Running(text, self._progress.add_task(text, total=1.0, note=""))

    def _reach(self, who: int, name: str, done: float, total: float) -> None:
        running, kind = self._running.get(who), PHASES[name]
        if running is None:
            return
        count = f" {done:.0f}/{total:.0f} {kind.unit}" if kind.unit else ""
        running.phase = f"{kind.name}{count}"
        self._progress.update(running.line, completed=done / total if total else 1.0, note=running.phase)

    def _title(self, cells: Sequence[str]) -> str:
        return title(*(self._cells[cell] for cell in cells), apart=self._apart)

    def _heartbeat(self) -> None:
        now = self._clock()
        if self._console.is_terminal or now - self._beat < _HEARTBEAT:
            return
        self._beat = now
        say(self._console, f"  {self._done} of {self._due} cells are done; running:", "dim")
        for running in self._running.values():
            say(self._console, f"    {running.title}, {running.phase}", "dim")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
