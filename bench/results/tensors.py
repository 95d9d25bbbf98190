"""Tensors from a file that anybody may have made."""

import io
import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from bench.errors import ResultsError, headline
from bench.machine.lost import is_of_device
from bench.results.atomic import placing
from bench.results.parameters import difference, written
from bench.results.schema import Written
from bench.results.sealed import archive_damage

_DAMAGE: Final = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    IndexError,
    MemoryError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
)
"""What comes of reading bytes to which anything may have happened."""


def save_tensors(path: Path, state: Mapping[str, torch.Tensor]) -> Written:
    """Write tensors by name as `torch.save` does, whole or not at all; return what a record is to tell of the file.

    Raises:
        MachineTrouble: the folder does not take it.
    """
    payload = archived(state)
    with placing(path) as file:
        file.write(payload)
    return written(payload)


def archived(content: object) -> memoryview:
    """Return what `torch.save` writes. In memory: an error of the disk inside of it does not say that it is one."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getbuffer()


def load_tensors(path: Path, told: Written | None = None) -> dict[str, torch.Tensor]:
    """Return the tensors by name that `torch.save` wrote, on the CPU. Nothing in the file is run.

    Args:
        path: of the file.
        told: by its record, if that tells of it.

    Raises:
        FileNotFoundError: there is no file.
        ResultsError: it is another than was written, holds something else, or says that it is larger than it is.
    """
    if told is not None and os.path.lexists(path) and (why := difference(path, told)):
        raise ResultsError(f"{path} {why}")
    try:
        require_unpacked(path)
        with path.open("rb") as file:
            if why := archive_damage(file):
                raise zipfile.BadZipFile(why)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        if is_of_device(error):
            raise
        raise ResultsError(f"{path} cannot be read ({headline(error)})") from error
    if not (isinstance(state, dict) and all(isinstance(value, torch.Tensor) for value in state.values()) and state):
        raise ResultsError(f"{path} cannot be read (it holds no tensors by name)")
    return state


def require_unpacked(path: Path) -> None:
    """Raise unless a file is an archive as `torch.save` writes it: uncompressed, and so no larger than the file.

    Raises:
        BadZipFile: it is none.
        OSError: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise zipfile.BadZipFile("it is compressed, unlike ours")
        if sum(part.file_size for part in parts) > path.stat().st_size:
            raise zipfile.BadZipFile("it claims to hold more than its size")
