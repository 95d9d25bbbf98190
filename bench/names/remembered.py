"""What our own classes say of themselves, remembered from one command to the next: to ask them is to import PyTorch.

That takes seconds, and words are all that it is for. A file in the cache folder has the digest of the code that it was
made of: of another it says nothing.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import to_builtins

from bench.decoding import Decoder, Undecodable, plain
from bench.machine.cached import cache_folder

T = TypeVar("T")

_ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = ("bench/names", "estimators", "tasks")


def remembered(what: str, kind: Any, find: Callable[[], T]) -> T:
    """Return what is known of everything of ours, from the cache folder if that has it for this code.

    Args:
        what: is known, one word: the name of a file.
        kind: its type, of plain values, dictionaries, lists and dataclasses.
        find: asks the classes.
    """
    file, code = cache_folder() / f"{what}.json", _code()
    with suppress(OSError, Undecodable):
        match plain(file.read_bytes()):
            case {"code": str(made_of), "known": known} if made_of == code:
                return Decoder[T](kind).convert(known)
    found = find()
    # A folder that takes nothing costs the time of asking again.
    with suppress(OSError):
        _write(file, json.dumps({"code": code, "known": to_builtins(found)}))
    return found


def _code() -> str:
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((_ROOT / package).rglob("*.py")):
            digest.update(f"{file.relative_to(_ROOT).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _write(file: Path, text: str) -> None:
    """Write a file whole, however many processes do so at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)
