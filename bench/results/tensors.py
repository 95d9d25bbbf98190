"""Tensors from a file that anybody may have made."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from bench.errors import ResultsError, headline


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors by name that `torch.save` wrote, on the CPU. Nothing in the file is run.

    Raises:
        FileNotFoundError: there is no file.
        ResultsError: it holds something else, or says that it is larger than it is.
    """
    try:
        require_unpacked(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
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
            raise zipfile.BadZipFile("it is compressed, as none of ours is")
        if sum(part.file_size for part in parts) > path.stat().st_size:
            raise zipfile.BadZipFile("it says that it holds more than it is large")
