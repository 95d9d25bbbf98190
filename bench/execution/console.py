"""Where a run prints, and who else is notified."""

from collections.abc import Callable
from typing import Any, final

from rich import console

from bench.escaping import terminal


@final
class Console(console.Console):
    """Rich's console, but that a pipe whose reader has gone is an error like any other; rich would exit with 1.

    Args:
        warned: is told what a reader of the results should know, in the place of the terminal.
        shown: is told, in words and as a share, how far the work is, where no bars can be drawn.
        how: as of rich's.
    """

    def __init__(
        self,
        warned: Callable[[str], object] | None = None,
        shown: Callable[[str, float], object] | None = None,
        **how: Any,
    ) -> None:
        super().__init__(**how)
        self._warned, self._shown, self._heading = warned, shown, ""

    def warn(self, message: str, begin: str = "warning: ") -> None:
        """Print a sentence that a reader of the results should know, after `begin`; or pass it to a listener."""
        if self._warned is None:
            self.print(f"{begin}{message}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        else:
            self._warned(message)

    def head(self, heading: str) -> None:
        """Name what is being done from now on."""
        self._heading = heading

    @property
    def shows(self) -> bool:
        """Return whether progress is to be reported."""
        return self._shown is not None

    def show(self, words: str, share: float) -> None:
        """Tell how far it is."""
        if self._shown is not None:
            self._shown(f"{self._heading} · {words}" if self._heading else words, share)

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as rich does, but that a text in it stays a text: its own control characters are shown."""
        super().print(*(terminal(one) if isinstance(one, str) else one for one in objects), **how)

    def on_broken_pipe(self) -> None:
        raise
