"""Errors that end a command: one sentence that says what to do, and a documented exit code."""

import difflib
import errno
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

__all__ = [
    "BenchError",
    "CellBusy",
    "CellsFailed",
    "CellsLimited",
    "DeviceUnavailable",
    "MachineTrouble",
    "ResultsError",
    "UsageError",
]
"""What other people's code may catch, as `varbench.errors`."""


class BenchError(Exception):
    """Ends the command with `exit_code`; the message is one sentence for the user."""

    exit_code: ClassVar[int] = 2

    def way_there(self) -> str:
        """Return what `bench --debug` shows before the message."""
        return "".join(traceback.format_exception(self))


class UsageError(BenchError):
    """What was asked for does not exist or does not fit together."""


class CellsFailed(BenchError):
    """Some cells failed; the others are recorded.

    Args:
        message: for the user.
        tracebacks: of the cells, which say more than where this error was raised.
    """

    exit_code = 3

    def __init__(self, message: str, tracebacks: Sequence[str] = ()) -> None:
        super().__init__(message)
        self._tracebacks = tracebacks

    def way_there(self) -> str:
        return "\n".join(self._tracebacks) or super().way_there()


class DeviceUnavailable(BenchError):
    """The device asked for is not on this machine."""

    exit_code = 4


class DeviceLost(DeviceUnavailable):
    """The GPU has failed while something ran: this process can no longer use it, but a new one may be able to."""


class ResultsError(BenchError):
    """A results folder or a record cannot be read or written."""

    exit_code = 5


class MachineTrouble(ResultsError):
    """A disk is full, or a folder is gone or read-only; what was run continues once this is fixed."""


class CellBusy(BenchError):
    """Another process is running a cell, and waiting for it was not wanted."""

    exit_code = 6


class CellsLimited(BenchError):
    """Some cells reached a limit of time or memory; their state is recorded, and they continue with a higher one."""

    exit_code = 7


_OF_THE_MACHINE: Final = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "ESTALE", "ENXIO", "ENODEV", "EMFILE", "ENFILE", "ENOLCK")
    if hasattr(errno, name)
)


def machine_trouble(error: BaseException, folder: Path | None = None) -> MachineTrouble | None:
    """Return what the machine lacks if that has caused an error, and not something that was run; otherwise None.

    Args:
        error: may have been raised while another was handled: libraries put their own in the place of the system's.
        folder: where a file that is missing, or that may not be written, is the machine's matter, too.

    >>> import errno
    >>> from bench.errors import machine_trouble
    >>> print(machine_trouble(OSError(errno.ENOSPC, "No space left on device", "R/record.json")))
    R/record.json: No space left on device
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, MachineTrouble):
            return cause
        of_folder = cause is error and _is_in(getattr(cause, "filename", None), folder)
        if isinstance(cause, OSError) and (of_folder or cause.errno in _OF_THE_MACHINE):
            where = "" if cause.filename is None else f"{cause.filename}: "
            return MachineTrouble(f"{where}{cause.strerror or cause}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


def _is_in(file: object, folder: Path | None) -> bool:
    return folder is not None and isinstance(file, str) and Path(file).absolute().is_relative_to(folder.absolute())


def in_utf8(text: str) -> str:
    r"""Return a text in which what UTF-8 cannot hold, as the stray byte of a file name, is spelled out.

    >>> in_utf8("café and caf\udce9")
    'café and caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def headline(error: Exception) -> str:
    r"""Return the first line of what an error says; its type if it says nothing.

    >>> headline(ValueError("no such row\n in the table")), headline(KeyError())
    ('no such row', 'KeyError')
    """
    return _first_line(error) or type(error).__name__


def named(error: Exception) -> str:
    """Return the type of an error and its `headline`.

    >>> named(ValueError("no such row")), named(KeyError())
    ('ValueError: no such row', 'KeyError')
    """
    text = _first_line(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}"


def _first_line(error: Exception) -> str:
    try:
        text = str(error)
    except Exception as trouble:
        text = f"what it says cannot be read ({type(trouble).__name__})"
    return in_utf8((text.strip().splitlines() or [""])[0])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for a near miss, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def require(kind: str, name: str, known: Sequence[str]) -> None:
    """Raise a `UsageError` that names the nearest, or else all that there are, unless a name is known."""
    if name not in known:
        hint = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
        raise UsageError(f"there is no {kind} '{name}'{hint}")
