"""Times measured while other jobs ran: a record's notes say so, and they are not compared with others."""

from typing import Final

_OPENING: Final = "timed beside other jobs"


def beside(how: str) -> str:
    """Return the note of a record whose times were taken beside other jobs; `how` says which.

    >>> from bench.results.beside import beside
    >>> beside("2 at a time on one machine")
    'timed beside other jobs: 2 at a time on one machine'
    """
    return f"{_OPENING}: {how}"


def how_beside(notes: str) -> str:
    """Return what a record's notes, as the tables have them, say about other jobs; empty where times are its alone.

    >>> from bench.results.beside import how_beside
    >>> how_beside("3 seeds trained in one step · timed beside other jobs: 2 at a time on one machine")
    '2 at a time on one machine'
    """
    return next(
        (note.removeprefix(f"{_OPENING}: ") for note in notes.split(" · ") if note.startswith(f"{_OPENING}: ")), ""
    )
