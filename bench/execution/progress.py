"""Live progress on stderr: one bar per phase of the cell that runs; in a log, a line now and then."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, final

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from bench.execution.console import Console
from bench.execution.listener import Listener
from bench.execution.messages import say
from bench.execution.pace import Pace, duration


@dataclass(frozen=True)
class _Kind:
    """A phase of a cell: its name, what it counts, and how it is made shorter."""

    name: str
    unit: str
    shorter: str


PHASES: Final = {
    "trajectory": _Kind("trajectory", "steps", "it is trained once for all estimators; `--at own` does without it"),
    "train": _Kind("train", "steps", "`--steps` says how many"),
    "reference": _Kind("reference", "checkpoints", "it is measured once for all estimators"),
    "measure": _Kind("measure", "checkpoints", "`--replicates N` and `--checkpoints N` say how many"),
    "evaluate": _Kind("evaluate", "", "fewer `--evaluation-samples` take less time"),
}
"""What a cell goes through: the common parameters' training, its own, reference gradients, moments, final values."""

_HEARTBEAT: Final = 60.0
_SURE: Final = 5.0
_LONG: Final = 30.0
"""In seconds: between two lines of a log; of a phase before its length is told; from which it is worth telling."""


class _Count(ProgressColumn):
    """`1200/2000   310 steps/s` for steps, `3/6 checkpoints` for the rest."""

    def render(self, task: Task) -> Text:
        unit = PHASES[task.fields["phase"]].unit
        if unit == "steps":
            rate = task.fields["pace"].rate
            return Text(f"{int(task.completed)}/{int(task.total or 0)}" + (f"   {rate:,.0f} steps/s" if rate else ""))
        return Text(f"{int(task.completed)}/{int(task.total or 0)} {unit}" if unit else f"{task.percentage:.0f}%")


class _Left(ProgressColumn):
    """How long the rest of a phase will take; at its end, how long all of it took."""

    def render(self, task: Task) -> Text:
        pace: Pace = task.fields["pace"]
        seconds = pace.seconds if task.finished else pace.left(task.total or 0)
        return Text(duration(seconds) if seconds is not None else "", style="dim" if task.finished else "cyan")


@final
class Said:
    """What listeners of one invocation have shown, and do not show again: warnings, and which phases are long."""

    def __init__(self) -> None:
        self.warnings: set[str] = set()
        self.long: set[str] = set()


@final
class TerminalListener:
    """Draws the phases of one cell on a terminal; elsewhere it prints a line a minute.

    Args:
        console: where to draw.
        said: what was shown before; what is new is added.
        clock: seconds, from anywhere.
    """

    def __init__(self, console: Console, said: Said, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self._said, self._clock = console, said, clock
        self._bars: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._beat = self._told = clock()
        self._progress = Progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(bar_width=16),
            _Count(),
            TextColumn("{task.fields[note]}", markup=False),
            _Left(),
            console=console,
            disable=not console.is_terminal,
        )

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        now = self._clock()
        if name not in self._bars:
            pace = self._paces[name] = Pace(done)
            self._bars[name] = self._progress.add_task(PHASES[name].name, total=total, phase=name, note="", pace=pace)
        else:
            self._paces[name].reach(done, now - self._told)
        self._told = now
        self._progress.update(self._progress.task_ids[self._bars[name]], completed=done, total=total, note=note)
        self._tell_length(name, total)
        if self.console.shows:
            self.console.show(self._line(name, total, note), done / total if total else 1.0)
        if not self.console.is_terminal and now - self._beat >= _HEARTBEAT:
            self._beat = now
            say(self.console, f"  {self._line(name, total, note)}", "dim")

    def warn(self, message: str) -> None:
        if message not in self._said.warnings:
            self._said.warnings.add(message)
            self.console.warn(message)

    def _tell_length(self, name: str, total: float) -> None:
        """Say once in an invocation that a phase takes long, and what makes it shorter."""
        pace = self._paces[name]
        if name in self._said.long or pace.seconds < _SURE:
            return
        left = pace.left(total)
        if left is not None and left > _LONG:
            self._said.long.add(name)
            say(self.console, f"  {name} will take about {duration(left)}: {PHASES[name].shorter}", "dim")

    def _line(self, name: str, total: float, note: str) -> str:
        kind, pace = PHASES[name], self._paces[name]
        count = f"{pace.done:.0f}/{total:.0f} {kind.unit}" if kind.unit else f"{100 * pace.done / total:.0f}%"
        left = pace.left(total)
        parts = [
            f"{kind.name} {count}",
            f"{pace.rate:,.0f} steps/s" if kind.unit == "steps" and pace.rate > 0 else "",
            note,
            f"about {duration(left)} left" if left else "",
        ]
        return ", ".join(part for part in parts if part)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


@final
class Share:
    """What one of several cells that run at once tells their listener: it hears of the sum."""

    def __init__(self, listener: Listener, place: int, done: dict[str, list[float]]) -> None:
        self._listener, self._place, self._done = listener, place, done

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        self._done[name][self._place] = done
        self._listener.phase(name, sum(self._done[name]), total * len(self._done[name]), note)

    def warn(self, message: str) -> None:
        self._listener.warn(message)


def shares(listener: Listener, count: int) -> list[Share]:
    """Return a listener for each of `count` cells, which are shown as one."""
    done: dict[str, list[float]] = {name: [0.0] * count for name in PHASES}
    return [Share(listener, place, done) for place in range(count)]
