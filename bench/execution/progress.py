"""Live progress on a terminal's stderr: one bar per phase of the cell that runs."""

from types import TracebackType
from typing import Final, Self, final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

_NAMES: Final = {"train": "train", "trajectory": "reference", "measure": "measure", "evaluate": "evaluate"}
_UNITS: Final = {"train": "steps", "trajectory": "steps", "measure": "checkpoints", "evaluate": ""}


class _Count(ProgressColumn):
    """`1200/2000   310 steps/s` for steps, `3/6 checkpoints` for the rest."""

    def render(self, task: Task) -> Text:
        unit = _UNITS[task.fields["phase"]]
        if unit == "steps":
            rate = f"   {task.speed:,.0f} steps/s" if task.speed else ""
            return Text(f"{int(task.completed)}/{int(task.total or 0)}{rate}")
        return Text(f"{int(task.completed)}/{int(task.total or 0)} {unit}" if unit else f"{task.percentage:.0f}%")


@final
class TerminalListener:
    """Draws the phases of one cell; prints nothing but warnings where stderr is not a terminal.

    Args:
        console: where to draw.
        warned: warnings that were shown before, which are not shown again; what is new is added.
    """

    def __init__(self, console: Console, warned: set[str]) -> None:
        self.console, self._warned = console, warned
        self._bars: dict[str, int] = {}
        self._progress = Progress(
            TextColumn("  {task.description:<9}"),
            BarColumn(bar_width=20),
            _Count(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
        )

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(_NAMES[name], total=total, phase=name, note="")
        self._progress.update(self._progress.task_ids[self._bars[name]], completed=done, total=total, note=note)

    def warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self.console.print(f"warning: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True)

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

    def __init__(self, listener: TerminalListener, place: int, done: dict[str, list[float]]) -> None:
        self._listener, self._place, self._done = listener, place, done

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        self._done[name][self._place] = done
        self._listener.phase(name, sum(self._done[name]), total * len(self._done[name]), note)

    def warn(self, message: str) -> None:
        self._listener.warn(message)


def shares(listener: TerminalListener, count: int) -> list[Share]:
    """Return a listener for each of `count` cells, which are shown as one."""
    done: dict[str, list[float]] = {name: [0.0] * count for name in _NAMES}
    return [Share(listener, place, done) for place in range(count)]
