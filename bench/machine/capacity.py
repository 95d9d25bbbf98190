"""How much memory a device has."""

import os
from pathlib import Path
from typing import Final

import torch

_LIMIT_OF_GROUP: Final = Path("/sys/fs/cgroup/memory.max")


def free_memory(device: torch.device) -> int:
    """Return the bytes of a GPU that PyTorch could still have for tensors here."""
    free, total = torch.cuda.mem_get_info(device)
    used, reserved = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
    allowed = int(total * torch.cuda.get_per_process_memory_fraction(device))
    return max(0, min(free + reserved, allowed) - used)


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
