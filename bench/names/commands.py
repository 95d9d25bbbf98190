"""Folders as the commands that messages suggest name them: to be pasted into a shell."""

import shlex
from pathlib import Path
from typing import Final

KEPT_MOMENTS: Final = Path("results/reference")
"""Where `bench reference` looks, unless it is told otherwise."""

_RESULTS: Final = Path("results")


def with_folder(command: str, folder: Path) -> str:
    """Return a command that reads a results folder, which is its argument unless it is the default."""
    return command if folder == _RESULTS else f"{command} {shlex.quote(str(folder))}"


def with_out(command: str, folder: Path) -> str:
    """Return a command with `--out FOLDER`, unless that is the default."""
    return command if folder == _RESULTS else f"{command} --out {shlex.quote(str(folder))}"


def with_kept_moments(command: str, folder: Path) -> str:
    """Return a `bench reference` command with `--folder FOLDER`, unless that is the default."""
    return command if folder == KEPT_MOMENTS else f"{command} --folder {shlex.quote(str(folder))}"
