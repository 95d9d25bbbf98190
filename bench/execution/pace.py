"""How fast something goes, and how long the rest of it will take."""

from typing import final


@final
class Pace:
    """The pace of one phase: how many of its parts are done, and how long it has been at work on them.

    Attributes:
        done: parts.
        seconds: without those that other phases took in between.

    Args:
        done: parts that were done before, by an interrupted run.
    """

    def __init__(self, done: float) -> None:
        self._before, self.done, self.seconds = done, done, 0.0

    def reach(self, done: float, seconds: float) -> None:
        """Note that `seconds` of work have led to so many parts."""
        self.done = done
        self.seconds += seconds

    @property
    def rate(self) -> float:
        """Parts per second; 0 where nothing is done yet."""
        return (self.done - self._before) / self.seconds if self.seconds > 0 else 0.0

    def left(self, total: float) -> float | None:
        """Return the seconds that the rest of `total` parts takes at this pace; None where nothing is done yet."""
        return (total - self.done) / self.rate if self.rate > 0 else None


def duration(seconds: float) -> str:
    """Return a duration in words, the less precise the longer it is.

    >>> from bench.execution.pace import duration
    >>> [duration(seconds) for seconds in (0.26, 12.4, 154.0, 4000.0, 200_000.0)]
    ['0.3 s', '12 s', '2 min 34 s', '1 h 7 min', '2 d 8 h']
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
