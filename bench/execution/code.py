"""Which code a process runs, so that processes of one grid can be held to the same."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from bench.machine.info import machine_info

_PLACE: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = ("varbench", "bench", "estimators", "tasks")
_DIGITS: Final = 12


@cache
def code() -> str:
    """Return the versions, the git commit and a digest of the files of varbench that this process runs."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((_PLACE / package).rglob("*.py")):
            digest.update(f"{file.relative_to(_PLACE).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    made = machine_info()
    commit = f" of commit {made['git_commit'][:_DIGITS]}" if made["git_commit"] else ""
    return f"varbench {made['varbench']}{commit} (files {digest.hexdigest()[:_DIGITS]}) with torch {made['torch']}"
