"""Is there memory for what is asked? Asked before it is begun: a machine that swaps says nothing for hours."""

from typing import Final

import torch

from bench.errors import UsageError
from bench.execution.fit import Ground
from bench.machine.capacity import total_memory
from bench.machine.device import CPU, DTYPES, Precision
from bench.machine.streams import seeded
from bench.measure.moments import bytes_of_moments
from estimators.draw import probe

_COPIES: Final = 4
"""Of the draws: they and their noise, log q, and what the model makes of them."""


def require_parameters_in_memory(ground: Ground, dtype: Precision | None, device: str) -> None:
    """Refuse a task the moments of whose gradients cannot fit into memory.

    Raises:
        UsageError: one sentence with the task, how much it needs, and how much there is.
    """
    there = total_memory(torch.device(device))
    parameters = sum(value.numel() for value in ground.task.parameters())
    needed = bytes_of_moments(parameters, _dtype(ground, dtype))
    if there is not None and needed > there:
        raise UsageError(
            f"{ground.spec} has {parameters:,} parameters, and the moments of their gradients need {_gigabytes(needed)}"
            f"; there are {_gigabytes(there)} of memory: choose smaller sizes"
        )


def require_draws_in_memory(ground: Ground, samples: int, dtype: Precision | None, device: str) -> None:
    """Refuse a number of samples whose draws, for a single gradient, cannot fit into memory.

    Raises:
        UsageError: one sentence with the number, how much it needs, and how much there is.
    """
    there = total_memory(torch.device(device))
    with seeded(CPU, "size"):
        numbers = sum(site.value.numel() for site in probe(ground.task.guide, ground.x).sites.values())
    rows = min(ground.batch_size, len(ground.data.train))
    needed = _COPIES * samples * rows * numbers * _dtype(ground, dtype).itemsize
    if there is not None and needed > there:
        raise UsageError(
            f"K = {samples:,} samples of {ground.spec} at {rows:,} observations need at least {_gigabytes(needed)}; "
            f"there are {_gigabytes(there)} of memory: choose fewer --samples"
        )


def _dtype(ground: Ground, asked: Precision | None) -> torch.dtype:
    return DTYPES[asked] if asked else ground.task.dtype


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.3g} GB"
