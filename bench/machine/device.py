"""The device and the numeric type that a cell runs in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeVar

import torch
from torch import Tensor

from bench.errors import DeviceUnavailable
from bench.machine.memory import give_back_memory, is_out_of_memory
from tasks.base import Task

T = TypeVar("T")

Precision = Literal["float32", "float64"]

CPU: Final = torch.device("cpu")

DTYPES: Final[dict[Precision, torch.dtype]] = {"float32": torch.float32, "float64": torch.float64}


def find_device(name: Literal["cpu", "cuda"]) -> torch.device:
    """Return the device.

    Raises:
        DeviceUnavailable: PyTorch sees no such device here.
    """
    if name == "cuda" and not torch.cuda.is_available():
        build = "this build of PyTorch has no CUDA" if torch.version.cuda is None else "PyTorch finds no GPU here"
        raise DeviceUnavailable(f"--device cuda cannot be used: {build}; leave --device out to run on the CPU")
    return torch.device(name)


def allow_tf32(allowed: bool) -> None:
    """Set whether float32 matrix products and convolutions on a GPU may round their arguments to TF32 (10 bits)."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Allow or forbid TF32 in the body, and put back what it was."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    allow_tf32(allowed)
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def float32_precision() -> str:
    """Return PyTorch's word for the precision of float32 products, or `mixed` where a program has set several."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "mixed"


def dtype_name(task: type[Task]) -> Precision:
    """Return the name of the type that a task runs in by default."""
    return "float64" if task.dtype == torch.float64 else "float32"


def observations(task: Task, rows: Tensor) -> Tensor:
    """Return stored rows [B, ...] as observations x in the type of the task's parameters."""
    return task.prepare(rows).to(next(task.parameters()).dtype)


def in_memory(work: Callable[[], T], divisible: bool) -> T | None:
    """Return what `work` returns, or None where memory does not suffice and the work can be divided.

    Whatever else the work raises is raised, and what says that memory does not suffice (`is_out_of_memory`) where it
    cannot be divided.
    """
    try:
        return work()
    except (MemoryError, RuntimeError) as error:
        if not (divisible and is_out_of_memory(error)):
            raise
    # Only here, where the error no longer holds on to what was computed, can memory be given back.
    give_back_memory()
    return None


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that a clock read next has seen all the work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
