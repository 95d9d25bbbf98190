"""What processes that are forked to run commands have in common."""

import os
from functools import partial
from pathlib import Path


def write_to(path: Path, *descriptors: int) -> None:
    """Have what this process writes to 1, 2 or both go to a file, which is emptied."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in descriptors:
        os.dup2(file, descriptor)
    os.close(file)


def measure_quickly() -> None:
    """Measure chunks and a gradient's time, which no table is compared in, no longer than needed."""
    from bench.measure import chunk, cost

    chunk.fastest_chunk = partial(chunk.fastest_chunk, seconds=0.0)
    cost.seconds = partial(cost.seconds, budget=0.0)
