"""A limit of memory: what asks for more meets an error that is caught, rather than a machine that swaps or kills."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from bench.errors import UsageError
from bench.machine.memory import give_back_memory
from bench.machine.transforms import import_transforms

_STATUS: Final = Path("/proc/self/status")


def require_ration(device: torch.device) -> None:
    """Refuse where memory cannot be limited.

    Raises:
        UsageError: a CPU's can on Linux only.
    """
    if device.type == "cpu" and sys.platform != "linux":
        raise UsageError(f"--memory-limit needs Linux or --device cuda, but this is {sys.platform}: leave it out")


@contextmanager
def rationed(memory: int | None, device: torch.device) -> Iterator[None]:
    """Let the body have so many bytes beyond what the process has now; None is as many as there are.

    On a CPU these are the process's, those that it has asked for and not used yet included; on a GPU those of PyTorch
    there. An allocation beyond them fails in an error that `bench.machine.memory.is_out_of_memory` knows.
    """
    if memory is None:
        yield
    elif device.type == "cuda":
        give_back_memory()
        allowed = torch.cuda.memory_reserved(device) + memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / torch.cuda.mem_get_info(device)[1]))
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
    else:
        import resource

        # Modules are no cell's, whoever needs them first.
        import_transforms()
        before, hard = resource.getrlimit(resource.RLIMIT_DATA)
        others = [limit for limit in (before, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_DATA, (min([_data() + memory, *others]), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _data() -> int:
    """Return the bytes that RLIMIT_DATA counts: of the process's own, writable memory."""
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
