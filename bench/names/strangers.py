"""Errors of code that is not ours: whose they are, and where, in a sentence."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.errors import BenchError, UsageError, named
from tasks.data import DataUnavailable

_PLACE: Final = Path(__file__).resolve().parents[2]
_OURS: Final = tuple(_PLACE / package for package in ("varbench", "bench", "estimators", "tasks"))
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_PYTHON: Final = Path(traceback.__file__).resolve().parent


@contextmanager
def strangers(fails: str, *meant: type[Exception]) -> Iterator[None]:
    """Run other people's code, which may raise anything.

    Args:
        fails: what is said of an error, as in `task 'mine:Toy' cannot load its data`.
        meant: errors by which it says something that the caller understands.

    Raises:
        DataUnavailable: a file is missing, or the network.
        UsageError: of any other error that was not written for users.
    """
    try:
        yield
    except (BenchError, DataUnavailable, *meant):
        raise
    except Exception as error:
        text = f"{fails}: {said(error)}; `bench --debug` shows the traceback"
        raise (DataUnavailable if isinstance(error, OSError) else UsageError)(text) from error


def said(error: Exception) -> str:
    """Return an error's type, its first line, and where other people's code raised it."""
    return f"{named(error)}{_place(error)}"


def _place(error: Exception) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        installed = _INSTALLED.intersection(file.parts) or any(map(file.is_relative_to, (*_OURS, _PYTHON)))
        if file.is_file() and not installed:
            return f" ({file.name}, line {frame.lineno}, in {frame.name})"
    return ""
