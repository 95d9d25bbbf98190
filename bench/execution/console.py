"""Where a run prints."""

from typing import Any, final

from rich import console

from bench.escaping import terminal


@final
class Console(console.Console):
    """Rich's console, but that a pipe whose reader has gone is an error like any other; rich would exit with 1."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as rich does, but that a text in it stays a text: its own control characters are shown."""
        super().print(*(terminal(one) if isinstance(one, str) else one for one in objects), **how)

    def on_broken_pipe(self) -> None:
        raise
