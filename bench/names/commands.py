"""Folders as the commands that messages suggest name them: to be pasted into a shell."""

import shlex
from pathlib import Path
from typing import Final

_DEFAULT: Final = Path("results")


def with_folder(command: str, folder: Path) -> str:
    """Return a command that reads a results folder, which is its argument unless it is the default."""
    return command if folder == _DEFAULT else f"{command} {shlex.quote(str(folder))}"


def with_out(command: str, folder: Path) -> str:
    """Return a command with `--out FOLDER`, unless that is the default."""
    return command if folder == _DEFAULT else f"{command} --out {shlex.quote(str(folder))}"
