"""How long something took, for a choice between ways of doing it."""

import time
from typing import final

import torch

from bench.machine.device import synchronize


@final
class Stopwatch:
    """Runs from when it is made. On a CPU, time in which others had it does not count."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        synchronize(device)
        self._start = time.perf_counter(), time.process_time()

    def seconds(self) -> float:
        """Return the seconds so far; of several threads that work at once, not their sum."""
        synchronize(self._device)
        wall, work = time.perf_counter() - self._start[0], time.process_time() - self._start[1]
        return min(wall, work) if self._device.type == "cpu" else wall
