"""Who is notified of a cell's progress."""

from typing import Protocol


class Listener(Protocol):
    """Told how far a cell is; the terminal's progress bars are one."""

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        """`done` of `total` of a phase of `bench.execution.progress.PHASES` are over."""

    def warn(self, message: str) -> None:
        """Show a sentence that a reader of the numbers should know."""
