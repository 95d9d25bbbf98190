"""Where news goes while a function runs: to Python's warnings, and to a progress bar if wanted."""

import html
import inspect
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from bench.execution.console import Console

_OURS: Final = frozenset({"bench", "contextlib", "varbench"})
"""Packages whose frames are no place to warn of."""
_PAUSE: Final = 0.2
"""Seconds between two looks of a bar."""


@contextmanager
def console(progress: bool) -> "Iterator[Console]":
    """Give where a run prints: nowhere, or on stderr, or into a bar of the notebook.

    What it warns of becomes Python's warnings at the end. A warning may be an error, as in tests, and that would be
    taken for one of a cell's, or be raised in a thread that nobody hears.
    """
    from bench.execution.console import Console

    told: list[str] = []
    try:
        if not progress:
            yield Console(told.append, quiet=True, force_terminal=False, force_jupyter=False)
        elif Console(stderr=True).is_jupyter:
            with _bar() as bar:
                yield Console(told.append, bar.show, quiet=True, force_terminal=False, force_jupyter=False)
        else:
            yield Console(told.append, stderr=True)
    finally:
        for message in dict.fromkeys(told):
            warn(message)


def warn(message: str) -> None:
    """Warn of something, as from the line of other people's code that has called a function of ours."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


@contextmanager
def _bar() -> "Iterator[_Bar]":
    from IPython.display import HTML, display  # pyright: ignore[reportMissingImports] - there is one in a notebook

    handle = display(HTML(""), display_id=True)
    try:
        yield _Bar(lambda markup: handle.update(HTML(markup)))
    finally:
        handle.update(HTML(""))


@final
class _Bar:
    """A bar in a notebook.

    Args:
        update: shows markup in its place.
    """

    def __init__(self, update: Callable[[str], Any]) -> None:
        self._update, self._shown = update, 0.0

    def show(self, words: str, share: float) -> None:
        """Show how far the work is, a few times a second."""
        now = time.monotonic()
        if now - self._shown < _PAUSE:
            return
        self._shown = now
        self._update(f'<progress value="{share:.3f}" max="1"></progress> {html.escape(words)}')
