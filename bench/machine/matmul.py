"""Which library multiplies large float32 matrices on a CPU.

PyTorch leaves them to MKL, which forgoes AVX-512 on processors of AMD. oneDNN, which is a part of PyTorch too, uses it
and takes half the time. PyTorch hands a float32 product to oneDNN only where precision `medium` lets it be rounded to
bfloat16. oneDNN rounds only on processors with matrix units for it (AMX); that those here keep float32's precision is
tried out before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import torch
from torch import Tensor

from bench.machine.info import cpu_model
from tasks.base import Task

_MULTIPLICATIONS: Final = 3_500_000
"""Of a step's largest product, per thread, up to which what a call of oneDNN costs (12 µs) is not made up for."""

_FLOAT32_ERROR: Final = 1e-3
"""Largest error of a product of normal numbers over 256 terms: float32 makes 2e-5, TF32 2e-2, bfloat16 2e-1."""


def onednn_pays(task: Task, rows: int) -> bool:
    """Return whether oneDNN multiplies faster than PyTorch's default here, and as precisely.

    Args:
        task: whose largest weight matrix stands for the products of a step.
        rows: that it is multiplied by: datapoints times samples.
    """
    first = next(task.parameters())
    if first.device.type != "cpu" or first.dtype != torch.float32:
        return False
    largest = rows * max((value.numel() for value in task.parameters() if value.ndim == 2), default=0)
    if largest <= _MULTIPLICATIONS * torch.get_num_threads() or float32_precision() == "mixed":
        return False
    return _is_faster() and onednn_keeps_float32()


def float32_precision() -> str:
    """Return PyTorch's word for the precision of float32 products, or `mixed` where a program has set several."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return "mixed"


@contextmanager
def multiplied_by_onednn(wanted: bool = True) -> Iterator[None]:
    """Have oneDNN multiply float32 matrices on the CPU, where wanted."""
    if not wanted:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def _is_faster() -> bool:
    return "AMD" in cpu_model() and torch.backends.cpu.get_cpu_capability() == "AVX512"


@cache
def onednn_keeps_float32() -> bool:
    """Return whether oneDNN's products have the precision of float32 on this processor."""
    with multiplied_by_onednn():
        return keeps_float32(torch.matmul)


def keeps_float32(multiply: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Return whether a product of matrices has the precision of float32, tried out on normal numbers."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 256, generator=generator) for _ in range(2))
    error = multiply(left, right) - left.double() @ right.double()
    return bool(error.abs().max() < _FLOAT32_ERROR)
