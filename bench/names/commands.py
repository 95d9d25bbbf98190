"""The commands that messages suggest, with the folder that they are about: to be pasted into a shell."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

KEPT_MOMENTS: Final = Path("results/reference")
"""Where `bench reference` looks, unless it is told otherwise."""

_RESULTS: Final = Path("results")
_MAKE_CELLS: Final = ("run", "reproduce")
_OF_THEN: Final = ("--out", "--rerun")


def with_folder(command: str, folder: Path) -> str:
    """Return a command that reads a results folder, which is its argument unless it is the default."""
    return command if folder == _RESULTS else f"{command} {shlex.quote(str(folder))}"


def with_folders(command: str, folders: Sequence[Path]) -> str:
    """Return a command that reads results, with the folders that its user gave to the command before, if any."""
    return " ".join([command, *(shlex.quote(str(folder)) for folder in folders)])


def with_out(command: str, folder: Path) -> str:
    """Return a command with `--out FOLDER`, unless that is the default."""
    return command if folder == _RESULTS else f"{command} --out {shlex.quote(str(folder))}"


def with_kept_moments(command: str, folder: Path) -> str:
    """Return a `bench reference` command with `--folder FOLDER`, unless that is the default."""
    return command if folder == KEPT_MOMENTS else f"{command} --folder {shlex.quote(str(folder))}"


def once_more(argv: Sequence[str], folder: Path, *more: str) -> str | None:
    """Return the command of a run on record, for the folder where its results are now; None for another program's.

    Args:
        argv: the command, as its note has it.
        folder: of the results.
        more: options to add. What it said of `--out` and of `--rerun` is left out.

    >>> from pathlib import Path
    >>> from bench.names.commands import once_more
    >>> once_more(["bench", "run", "--task", "ppca", "--out", "R", "--rerun=all"], Path("results"), "--rerun failed")
    'bench run --task ppca --rerun failed'
    """
    words = list(_without_options(argv[1:], _OF_THEN))
    command = next((word for word in words if not word.startswith("-")), "")
    return with_out(" ".join([shlex.join(["bench", *words]), *more]), folder) if command in _MAKE_CELLS else None


def _without_options(words: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if name not in names:
            yield word
        elif not value:
            next(rest, None)
