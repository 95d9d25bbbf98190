"""What a process does to the files of a folder, seen call by call and write by write: in a child forked for that."""

import builtins
import io
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, final

CALLS: Final = ("replace", "rename", "unlink", "mkdir", "open")
"""What is watched beside `write`; `open` is that of a file to be written, a lock's included."""

_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.\d+-[0-9a-f]+\.tmp")
_ID: Final = re.compile(r"[0-9a-f]{16}")


def part(path: Path) -> str:
    """Return what part a file or folder has among the results, whatever its cell, run or process.

    >>> from pathlib import Path
    >>> part(Path("R/task/reinforce-K1-seed0-0123456789abcdef/.record.json.17-0a1b2c3d.tmp"))
    'record.json'
    """
    half = _TEMPORARY.fullmatch(path.name)
    name = half["name"] if half else path.name
    if name == ".lock":
        return name
    if path.parent.name in ("runs", "tables", "figures"):
        return path.parent.name
    return "folder" if not Path(name).suffix else _ID.sub("ID", name)


@dataclass(frozen=True)
class Point:
    """A place in a process's work on files.

    Attributes:
        call: one of `CALLS`, or `write`.
        part: of which files.
        number: the how-manieth such call, from 1.
        share: how much of a write has reached the file; of another call, 0 is before it and 1 after it.
    """

    call: str
    part: str
    number: int
    share: float

    def __str__(self) -> str:
        if self.call == "write":
            return f"after {self.share:.0%} of write {self.number} of {self.part}"
        return f"{'after' if self.share else 'before'} {self.call} {self.number} of {self.part}"


class Watch(Protocol):
    """Is asked to make each call."""

    def make(self, call: str, path: Path, do: Callable[[], Any]) -> Any:
        """Make a call that takes no time, as a rename."""

    def write(self, path: Path, data: memoryview, write: Callable[[memoryview], int]) -> int:
        """Write bytes to the file, by one system call, and return how many."""
        ...


@final
class Counting:
    """Counts calls by their kind and the part of their file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def make(self, call: str, path: Path, do: Callable[[], Any]) -> Any:
        self.counts[f"{call} {part(path)}"] += 1
        return do()

    def write(self, path: Path, data: memoryview, write: Callable[[memoryview], int]) -> int:
        self.counts[f"write {part(path)}"] += 1
        return write(data)

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(self.counts))


@final
class Killing:
    """Kills the process at a point."""

    def __init__(self, point: Point) -> None:
        self.point, self._left = point, point.number

    def make(self, call: str, path: Path, do: Callable[[], Any]) -> Any:
        due = self._is_due(call, path)
        if due and not self.point.share:
            kill_this_process()
        result = do()
        if due:
            kill_this_process()
        return result

    def write(self, path: Path, data: memoryview, write: Callable[[memoryview], int]) -> int:
        if self._is_due("write", path):
            write(data[: int(self.point.share * len(data))])
            kill_this_process()
        return write(data)

    def _is_due(self, call: str, path: Path) -> bool:
        if (call, part(path)) == (self.point.call, self.point.part):
            self._left -= 1
            return self._left == 0
        return False


def kill_this_process() -> None:
    """End at once, as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def watch(root: Path, by: Watch) -> None:
    """Let all that this process does to files below `root` be made by a watch, from now to its end."""
    inside = f"{root.absolute()}{os.sep}"

    def is_inside(path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and os.path.abspath(os.fspath(path)).startswith(inside)

    def watched(name: str, call: Callable[..., Any], place: int) -> Callable[..., Any]:
        def made(*arguments: Any, **how: Any) -> Any:
            if not is_inside(arguments[place]):
                return call(*arguments, **how)
            return by.make(name, Path(arguments[place]), lambda: call(*arguments, **how))

        return made

    os.replace = watched("replace", os.replace, 1)
    os.rename = watched("rename", os.rename, 1)
    os.unlink = os.remove = watched("unlink", os.unlink, 0)
    os.mkdir = watched("mkdir", os.mkdir, 0)
    opened, os_open = io.open, os.open

    def open_descriptor(path: Any, flags: int, *arguments: Any, **how: Any) -> int:
        if not (flags & (os.O_WRONLY | os.O_RDWR) and is_inside(path)):
            return os_open(path, flags, *arguments, **how)
        return by.make("open", Path(path), lambda: os_open(path, flags, *arguments, **how))

    class Written(io.FileIO):
        def write(self, data: Any, /) -> int:
            # A file without a name is called by its number.
            path = Path(self.name) if isinstance(self.name, str | os.PathLike) else root / "nameless"
            return by.write(path, memoryview(data).cast("B"), super().write)

    def open_(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if not (set(mode) & set("wax+") and is_inside(file)):
            return opened(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw_mode = mode.replace("b", "").replace("t", "")
        raw = by.make("open", Path(file), lambda: Written(file, raw_mode, closefd, opener))
        if buffering == 0:
            return raw
        binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

    os.open = open_descriptor
    io.open = builtins.open = open_
