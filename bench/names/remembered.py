"""Defaults of our own parameters, remembered from one command to the next: to ask our classes is to import PyTorch.

That takes seconds, and a word in a table is all that it is for. The file in the cache folder has the digest of the code
that it was made of: of another it says nothing.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.decoding import Decoder, Undecodable
from bench.machine.cached import cache_folder
from bench.names.spec import Value

Defaults = dict[str, dict[str, dict[str, Value]]]
"""By kind (`task`, `estimator`) and name, the defaults of its parameters by theirs."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = ("estimators", "tasks")


@dataclass(frozen=True)
class _Remembered:
    code: str
    defaults: Defaults


_DECODER: Final = Decoder[_Remembered](_Remembered)


def remembered(find: Callable[[], Defaults]) -> Defaults:
    """Return the defaults of all that is ours, from the cache folder where it has those of this code.

    Args:
        find: asks the classes.
    """
    file, code = cache_folder() / "defaults.json", _code()
    with suppress(OSError, Undecodable):
        known = _DECODER.decode(file.read_bytes())
        if known.code == code:
            return known.defaults
    found = find()
    # A folder that takes nothing costs the time of asking again.
    with suppress(OSError):
        _write(file, json.dumps({"code": code, "defaults": found}))
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
