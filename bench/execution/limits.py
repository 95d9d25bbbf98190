"""Limits of a cell's time and memory: at one of them the cell stops, and with a higher one it continues."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from bench.execution.listener import Listener
from bench.results.schema import Limit


@dataclass(frozen=True)
class Limits:
    """What each cell of an invocation may take; None is as much as it needs.

    Attributes:
        seconds: wall time as its record has it: that of interrupted runs and of companions included.
        memory: bytes, beyond what its process has when the cell is begun.

    >>> from bench.results.schema import Limit
    >>> from bench.execution.limits import Limits
    >>> stopped = Limit("time", 60.4)
    >>> [Limits(seconds=seconds).let_go_on(stopped) for seconds in (60.0, 120.0, None)]
    [False, True, True]
    """

    seconds: float | None = None
    memory: int | None = None

    def let_go_on(self, stopped: Limit) -> bool:
        """Return whether a cell that was stopped may have more than it had then."""
        allowed = self.seconds if stopped.of == "time" else self.memory
        return allowed is None or allowed > stopped.reached


UNLIMITED: Final = Limits()

_DOING: Final = {
    "trajectory": "while training the reference trajectory",
    "train": "in training",
    "reference": "while drawing the reference gradient",
    "measure": "while measuring",
    "evaluate": "while evaluating",
}
"""What a cell does, by the phases of `bench.execution.progress.PHASES`."""


class LimitReached(Exception):
    """A cell is to stop here.

    Args:
        limit: what its record says of it.
        said: the limit in words.
        doing: what was done there.
    """

    def __init__(self, limit: Limit, said: str, doing: str) -> None:
        super().__init__(f"{said} reached {doing}")
        self.limit, self.said, self.doing = limit, said, doing


@final
class Watch:
    """A `Listener` that passes on what it is told, and stops a cell whose time is up.

    Cells tell of their progress where their state is whole, or where what they are at leaves it alone.

    Args:
        listener: hears of everything first.
        limits: of the cell.
        seconds: returns what the cell has taken.
    """

    def __init__(self, listener: Listener, limits: Limits, seconds: Callable[[], float]) -> None:
        self._listener, self._limits, self._seconds = listener, limits, seconds
        self.doing = "before anything was computed"

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        """Hand it on.

        Raises:
            LimitReached: the cell has taken its time, and is not at its end.
        """
        self._listener.phase(name, done, total, note)
        self.turn_to(name)
        limit, is_end = self._limits.seconds, name == "evaluate" and done >= total
        if limit is not None and not is_end and (taken := self._seconds()) >= limit:
            raise LimitReached(Limit("time", taken), f"time limit of {limit:g} s", self.doing)

    def turn_to(self, name: str) -> None:
        """Note which phase begins, before it reports anything."""
        self.doing = _DOING[name]

    def warn(self, message: str) -> None:
        """Hand it on."""
        self._listener.warn(message)


def of_memory(allowed: int, doing: str) -> LimitReached:
    """Return what stops a cell for which so many bytes did not suffice."""
    return LimitReached(Limit("memory", float(allowed)), f"memory limit of {in_units(allowed)}", doing)


def in_units(count: int) -> str:
    """Return a number of bytes in words.

    >>> in_units(4_000_000_000), in_units(4 << 30), in_units(1_500)
    ('4 GB', '4.295 GB', '1.5 KB')
    """
    size, unit = next(((size, unit) for size, unit in _UNITS if count >= size), (1, "bytes"))
    return f"{count / size:.4g} {unit}"


_UNITS: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))
