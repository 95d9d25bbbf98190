"""How a command is stopped from outside: Ctrl-C, or SIGTERM, with which clusters and containers end what they run."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

TERMINATED: Final = 128 + signal.SIGTERM
INTERRUPTED: Final = 128 + signal.SIGINT


class Terminated(KeyboardInterrupt):
    """The process was asked to end; whatever cleans up after Ctrl-C does so after this."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` in the block when SIGTERM arrives; a process that is forked in it just ends, as always."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    own = os.getpid()

    def end(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == own:
            raise Terminated
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stopped(by: BaseException, command: str) -> tuple[str, int]:
    """Return what to say when a command was stopped, and its exit code.

    Args:
        by: what ended it; click wraps it.
        command: its name.
    """
    terminated = isinstance(by, Terminated) or isinstance(by.__cause__, Terminated)
    word, code = ("terminated", TERMINATED) if terminated else ("interrupted", INTERRUPTED)
    if command not in ("run", "reproduce"):
        return word, code
    return (
        f"{word}; finished cells are kept, and the same command continues from the last checkpoint",
        code,
    )
