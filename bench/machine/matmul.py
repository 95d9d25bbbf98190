"""Which library multiplies large float32 matrices on a CPU: a few milliseconds of trial decide, once on each machine.

PyTorch leaves them to MKL, which forgoes AVX-512 on some processors of AMD. There oneDNN, which is a part of PyTorch,
too, takes half the time; elsewhere it may take more. PyTorch hands a float32 product to oneDNN only where precision
`medium` lets it be rounded to bfloat16. oneDNN rounds only on processors with matrix units for it (AMX); that those
here keep float32's precision is tried out before.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import torch
from torch import Tensor

from bench.machine.device import CPU, float32_precision
from bench.machine.findings import Findings, here
from bench.machine.stopwatch import Stopwatch
from tasks.base import Task

_FINDINGS: Final = Findings[bool]("products", bool)

_TURNS: Final = 6

_ROWS: Final = 512
"""At most so many rows are multiplied in a trial: of more, each takes the same time."""

_CLEARLY: Final = 0.97
"""Of the default's time, that oneDNN takes at most where it is called faster: equal times are noise."""

_MULTIPLICATIONS: Final = 3_500_000
"""Of a step's largest product, per thread, up to which what a call of oneDNN costs (12 µs) is not made up for."""

_FLOAT32_ERROR: Final = 1e-3
"""Largest error of a product of normal numbers over 256 terms: float32 makes 2e-5, TF32 2e-2, bfloat16 2e-1."""


def onednn_pays(task: Task, rows: int) -> bool:
    """Return whether oneDNN multiplies faster than PyTorch's default here, and as precisely.

    Args:
        task: whose weight matrices are the factors of a step's products.
        rows: that they are multiplied by: datapoints times samples.
    """
    first = next(task.parameters())
    if first.device.type != "cpu" or first.dtype != torch.float32:
        return False
    weights = sorted({(value.shape[0], value.shape[1]) for value in task.parameters() if value.ndim == 2})
    largest = rows * max((outer * inner for outer, inner in weights), default=0)
    if largest <= _MULTIPLICATIONS * torch.get_num_threads() or float32_precision() == "mixed":
        return False
    return onednn_keeps_float32() and _is_faster(min(rows, _ROWS), tuple(weights), torch.get_num_threads())


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
def _is_faster(rows: int, weights: tuple[tuple[int, int], ...], threads: int) -> bool:
    """Return whether oneDNN takes clearly less time for the products of a step, tried out once on each machine."""
    key = here(CPU, rows, weights, threads)
    if (remembered := _FINDINGS.read().get(key)) is not None:
        return remembered
    usual, onednn = _seconds(rows, weights)
    _FINDINGS.remember(key, onednn < _CLEARLY * usual)
    return onednn < _CLEARLY * usual


def _seconds(rows: int, weights: tuple[tuple[int, int], ...]) -> tuple[float, float]:
    """Return the least time of a step's products with PyTorch's default, and with oneDNN, which take turns."""
    factors = [(torch.ones(rows, inner), torch.ones(rows, outer), torch.ones(outer, inner)) for outer, inner in weights]
    least = [math.inf, math.inf]
    for _ in range(_TURNS):
        for by_onednn in (False, True):
            with multiplied_by_onednn(by_onednn):
                watch = Stopwatch(CPU)
                for given, delta, weight in factors:
                    # Forward, and both of backward.
                    _ = given @ weight.T, delta @ weight, delta.T @ given
                least[by_onednn] = min(least[by_onednn], watch.seconds())
    return least[False], least[True]


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
