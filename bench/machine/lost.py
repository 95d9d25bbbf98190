"""A GPU that is gone: no fault of what was run, and nothing that the same process could get over."""

from typing import Final

import torch

from bench.machine.memory import is_out_of_memory

_CAPTURING: Final = range(900, 911)
"""Codes of errors about a capture (`cudaErrorStreamCapture…`, `cudaErrorCaptured…`), which end with it."""


def is_device_lost(error: BaseException) -> bool:
    """Return whether an error says that this process can no longer use its GPU: a kernel has failed, or the GPU.

    CUDA reports whatever comes next as that same error, so that nothing after it says anything of what was run.
    """
    if not isinstance(error, torch.AcceleratorError) or is_out_of_memory(error):
        return False
    return getattr(error, "error_code", None) not in _CAPTURING and "captur" not in str(error)


def is_of_device(error: BaseException) -> bool:
    """Return whether an error is about a GPU or its memory, and so says nothing of a file that was being read."""
    return isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError)


def is_of_machine(error: Exception) -> bool:
    """Return whether an error says that memory ran out or that the GPU is gone, whatever was tried."""
    return is_out_of_memory(error) or is_device_lost(error)
