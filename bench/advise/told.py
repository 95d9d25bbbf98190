"""What is said while an answer is looked for: a line that changes on a terminal, else a line for each look."""

import time
from types import TracebackType
from typing import Self, final

from bench.execution.console import Console
from bench.execution.messages import say
from bench.execution.pace import duration


@final
class Told:
    """Says on stderr what is done, and how much of the budget has gone by.

    Args:
        budget: in seconds.
        begun: when it was, by the clock.
    """

    def __init__(self, budget: float, begun: float) -> None:
        self._console, self._budget, self._begun = Console(stderr=True), budget, begun
        self._status = self._console.status("", spinner="dots") if self._console.is_terminal else None
        self._last = ""

    def tell(self, message: str) -> None:
        """Say what is done."""
        words = f"{message} · {duration(time.monotonic() - self._begun)} of {duration(self._budget)}"
        if self._status is not None:
            self._status.update(words)
        # Of what is done in many steps, a log has the first one.
        elif (kind := message.partition(" ")[0]) != self._last or kind == "look":
            self._last = kind
            say(self._console, words, "dim")

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
