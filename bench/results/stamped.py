"""Which file a record was read from, by which whoever looks again sees that it is the same one."""

from pathlib import Path
from typing import Final, NamedTuple

LARGE: Final = 200
"""Cells from which on a folder has a cache: fewer are read within a second."""

_SETTLES: Final = 2_000_000_000
"""Nanoseconds after which a file that is written once more has another time, on any disk."""


class Stamp(NamedTuple):
    """What the file system says of a file, some of which changes whenever the file does."""

    size: int
    inode: int
    modified: int
    changed: int

    def is_settled(self, now: int) -> bool:
        """Return whether a change would show, `now` being some time before the file is read, in nanoseconds."""
        return max(self.modified, self.changed) + _SETTLES < now


def stamp(path: Path) -> Stamp | None:
    """Return what the file system says of a file; None where it says nothing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
