"""What is too large for this machine is said in a sentence."""

import errno
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.errors import UsageError

_TOO_LARGE: Final = (
    "can't allocate memory",
    "not enough memory",
    "Storage size calculation overflowed",
    "bad_alloc",
    "[Errno 12]",
)
"""What torch says on a CPU, where it has no error of its own for that; it hands on what C++ and the system say."""

_CUDA_MEMORY: Final = 2
"""`cudaErrorMemoryAllocation`."""


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Raise UsageError, about `what`, where the block asks for more memory than there is."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise UsageError(f"{what} needs more memory than there is; choose smaller sizes") from error
        raise


def give_back_memory() -> None:
    """Return to a GPU what nothing needs any more, so that other work finds it free.

    First what lies in circles of references, which PyTorch would still count as used. Not while an error is handled:
    its traceback holds on to what was computed.
    """
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is not enough memory, on a CPU or a GPU."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, torch.AcceleratorError):
        # What asks CUDA for memory past PyTorch's allocator, as a graph does.
        return getattr(error, "error_code", None) == _CUDA_MEMORY or "CUDA error: out of memory" in str(error)
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _TOO_LARGE)
