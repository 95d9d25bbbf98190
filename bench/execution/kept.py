"""Files that runs keep for later ones, checkpoints and trajectories: whole, with a digest, and with what made them."""

import io
from pathlib import Path
from typing import Any

import torch

from bench.errors import ResultsError
from bench.machine.lost import is_of_device
from bench.machine.memory import is_out_of_memory
from bench.results.aside import no_file
from bench.results.atomic import placing
from bench.results.sealed import ARCHIVE, FIRST_LINE, archive_damage, first_line, fits, is_of_another
from bench.results.tensors import archived
from bench.training.restoring import Unfit, require


def keep(path: Path, content: dict[str, Any]) -> None:
    """Write plain values and tensors, whole or not at all.

    Raises:
        ResultsError: the folder does not take it.
    """
    payload = archived(content)
    with placing(path) as file:
        file.write(first_line(payload, path))
        file.write(payload)


def kept(path: Path) -> dict[Any, Any] | None:
    """Return what `keep` wrote, or what the first version did, with tensors on the CPU; None where there is no file.

    Raises:
        Unfit: it is not what was written.
        ResultsError: it cannot be opened.
        RuntimeError: memory does not suffice, or the device is gone, which says nothing of the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        if what := no_file(path, error):
            raise Unfit(what) from None
        if isinstance(error, FileNotFoundError):
            return None
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error
    # Files of the first format have neither a first line nor a digest.
    if data.startswith(ARCHIVE):
        why = archive_damage(io.BytesIO(data))
        require(not why, why)
        return _loaded(data)
    first = FIRST_LINE.match(data)
    require(first is not None, "it does not begin like such a file")
    assert first is not None
    require(not is_of_another(first, path), "it belongs to another cell")
    payload = memoryview(data)[first.end() :]
    require(fits(first, io.BytesIO(payload)), "its digest does not match its contents: it was damaged or cut short")
    return _loaded(payload)


def _loaded(payload: bytes | memoryview) -> dict[Any, Any]:
    try:
        content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:
        if is_out_of_memory(error) or is_of_device(error):
            raise
        # Bytes that anything may have happened to end in any error.
        raise Unfit(f"{type(error).__name__} when reading it") from error
    require(isinstance(content, dict), "it holds something else")
    return content
