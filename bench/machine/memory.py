"""What is too large for this machine is said in a sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from bench.errors import UsageError

_TOO_LARGE: Final = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
"""What torch says on a CPU, where it has no error of its own for that."""

_LIMIT_OF_GROUP: Final = Path("/sys/fs/cgroup/memory.max")


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Raise UsageError, about `what`, where the block asks for more memory than there is."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _TOO_LARGE):
            raise UsageError(f"{what} needs more memory than there is; choose smaller sizes") from error
        raise


def total_memory(device: torch.device) -> int | None:
    """Return the bytes of a device's memory, on a CPU those that this process may have; None where unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        # Not on Windows.
        return None
    try:
        # In a container.
        return min(physical, int(_LIMIT_OF_GROUP.read_text()))
    except (OSError, ValueError):
        return physical
