"""File systems in memory, of any size, for runs to fill."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

ROOM: Final = "size=64m,nr_inodes=10k"
"""Options of one that is large enough."""


@final
class Disk:
    """A file system in memory."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def remount(self, options: str) -> None:
        """Change its size, or whether it takes anything."""
        _mount("-o", f"remount,{options}", str(self.where))


@contextmanager
def disk(where: Path, options: str) -> Iterator[Disk]:
    """Give a file system of its own; raise `CalledProcessError` where this user may not mount one."""
    where.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", options, "torture", str(where))
    try:
        yield Disk(where)
    finally:
        subprocess.run(["umount", str(where)], check=True, capture_output=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True, text=True)


def cannot_mount(work: Path) -> str:
    """Return why no file system can be mounted; empty where one can."""
    try:
        with disk(work / "tried", ROOM):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        return f"no file system can be mounted ({said}); `unshare -rm` before the command may let it"
