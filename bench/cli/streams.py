"""What happens to stdout and stderr: a reader that closes early, and `--quiet`."""

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any, Final

import click

CLOSED_PIPE: Final = 141
"""The exit code where the reader of stdout has gone, as the head of `bench table | head -1`: 128 + SIGPIPE."""


class ClosedPipe(Exception):
    """Nobody reads any more. Unlike a `BrokenPipeError`, click does not make an exit code of 1, a verdict, of it."""


@contextmanager
def told_closed_pipes() -> Iterator[None]:
    """Raise a `ClosedPipe` where a pipe was closed early."""
    try:
        yield
    except BrokenPipeError as error:
        raise ClosedPipe from error


def discard_stdout() -> None:
    """Let go of what is still to be written, which Python would try once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def with_quiet(command: click.Command) -> click.Command:
    """Give a command, or each of a group, the option `--quiet`, and return it."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            with_quiet(one)
        return command
    told = command.callback
    assert told is not None

    @functools.wraps(told)
    def callback(*arguments: Any, quiet: bool, **options: Any) -> Any:
        if not (quiet or click.get_current_context().find_root().params.get("quiet")):
            return told(*arguments, **options)
        # Errors are printed by `main`, after that.
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            return told(*arguments, **options)

    command.callback = callback
    command.params.append(click.Option(["-q", "--quiet"], is_flag=True, help="Print results and errors only."))
    return command
