"""Where a run prints."""

from typing import final

from rich import console


@final
class Console(console.Console):
    """Rich's console, but that a pipe whose reader has gone is an error like any other; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise
