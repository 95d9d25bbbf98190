"""`bench status --watch`: looks again and again at how far cells are."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.escaping import echo, terminal
from bench.results.standing import Standing, State

_TO_GO: Final[tuple[State, ...]] = ("running", "interrupted", "not begun")


def counts(found: Sequence[Standing]) -> str:
    """Return how many cells are how far, as `3 done, 1 running`."""
    states = Counter(one.state for one in found)
    return ", ".join(f"{count} {state}" for state, count in states.most_common())


def watch_cells(
    look: Callable[[], Sequence[Standing]], every: float, view: Callable[[Sequence[Standing]], str]
) -> bool:
    """Show how far cells are until none is left: redrawn on a terminal, elsewhere a line per change.

    Args:
        look: returns how far they are now.
        every: seconds between two looks.
        view: what a terminal shows.

    Returns:
        Whether all was told in lines, so that nothing is left to be shown.
    """
    from rich.live import Live
    from rich.text import Text

    from bench.execution.console import Console

    console = Console()
    if not console.is_terminal:
        _tell_changes(look, every)
        return True
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while _is_left(found := look()):
            live.update(Text(terminal(view(found))), refresh=True)
            time.sleep(every)
    return False


def _is_left(found: Sequence[Standing]) -> bool:
    """Return whether a cell is left to go; where there is none at all, they may be about to come."""
    return not found or any(one.state in _TO_GO for one in found)


def _tell_changes(look: Callable[[], Sequence[Standing]], every: float) -> None:
    before: dict[Path, State] = {}
    while True:
        found = look()
        states: dict[Path, State] = {one.folder: one.state for one in found}
        if states != before:
            echo(f"{datetime.now():%H:%M:%S}  {counts(found)}")
            before = states
        if not _is_left(found):
            return
        time.sleep(every)
