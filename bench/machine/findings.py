"""What was found out about this machine by trial, and is remembered for later commands."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar, final

import torch
from filelock import FileLock

from bench.decoding import Decoder, Undecodable
from bench.machine.cached import cache_folder
from bench.machine.device import float32_precision
from bench.machine.info import cpu_model

T = TypeVar("T")


@final
class Findings(Generic[T]):
    """A file of the cache with one finding for each thing that was tried.

    Args:
        name: of the file, without its ending.
        kind: the type of a finding, as msgspec understands it; what is none is found out anew.
    """

    def __init__(self, name: str, kind: Any) -> None:
        self._name = name
        self._decoder = Decoder[dict[str, T]](dict[str, kind])

    def read(self) -> dict[str, T]:
        """Return all that is remembered."""
        return self.read_from(self._file)

    def read_from(self, file: Path) -> dict[str, T]:
        """Return all that a file holds; nothing where it cannot be read."""
        try:
            return self._decoder.decode(file.read_bytes())
        except (OSError, Undecodable):
            return {}

    @property
    def _file(self) -> Path:
        return cache_folder() / f"{self._name}.json"

    def remember(self, key: str, finding: T) -> None:
        """Add a finding; if the cache takes nothing, that costs the time of another trial, and no result."""
        file = self._file
        # While it is locked nobody else writes: what a killed process has left under this name is overwritten.
        temporary = file.with_suffix(".tmp")
        with suppress(OSError, NotImplementedError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):
                try:
                    temporary.write_text(json.dumps({**self.read(), key: finding}, indent=0, sort_keys=True))
                    temporary.replace(file)
                finally:
                    temporary.unlink(missing_ok=True)


def here(device: torch.device, *what: object) -> str:
    """Return what a finding is remembered by: this machine, how it computes now, and what was tried."""
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model()
    arithmetic = torch.get_num_threads(), float32_precision(), torch.__version__
    text = "/".join(map(str, (hardware, os.cpu_count(), *arithmetic, *what)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]
