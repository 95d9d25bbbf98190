"""What is no good is kept under another name beside its place, `NAME.corrupt-1` and so on."""

import errno
import os
from pathlib import Path

from bench.errors import MachineTrouble


def set_aside(path: Path) -> Path:
    """Give what cannot be used another name beside it, and return that.

    Raises:
        MachineTrouble: the folder does not take it.
    """
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.corrupt-{number}")):
        number += 1
    try:
        return path.replace(aside)
    except OSError as error:
        raise MachineTrouble(f"cannot rename {path}: {error.strerror or error}") from error


def no_file(path: Path, error: OSError) -> str:
    """Return in words what is in place of a file that cannot be read; empty if nothing is.

    Args:
        path: of the file.
        error: what came of opening it.
    """
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if error.errno == errno.ELOOP:
        return "it is a link that leads back to itself"
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return "it is a link to nothing"
    return ""


def make_room(path: Path) -> None:
    """Set aside a folder that is where one of our files must be written: no file can take its place.

    Raises:
        MachineTrouble: it cannot be renamed.
    """
    if path.is_dir() and not path.is_symlink():
        set_aside(path)
