"""What one gradient costs: seconds, evaluations of the model, peak memory."""

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch._C import _functorch as functorch  # pyright: ignore[reportAttributeAccessIssue] - not in the stubs
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from bench.machine.device import synchronize
from bench.measure.replicates import LOOP, Replicator
from bench.statistics.intervals import Interval, median
from tasks.base import Task


def cost_metrics(task: Task, replicator: Replicator, x: Tensor) -> dict[str, Interval]:
    """Return `seconds`, `evaluations` and `peak_memory` of one gradient at the batch x, as training computes it."""

    def gradient() -> None:
        replicator.draw(x, LOOP)

    with count_evaluations(task) as evaluations:
        gradient()
    counted = evaluations[0] / x.shape[0]
    memory = float(peak_memory(gradient, x.device))
    return {
        "seconds": seconds(gradient, x.device),
        "evaluations": Interval(counted, 0.0, counted, counted),
        "peak_memory": Interval(memory, 0.0, memory, memory),
    }


@contextmanager
def count_evaluations(task: Task) -> Iterator[list[int]]:
    """Count how many values of log p(x, z) (or f) the model returns within the body; the list holds the count."""
    count = [0]

    def add(_module: Any, _inputs: Any, output: Tensor) -> None:
        # Inside an estimator's own `vmap` a tensor shows one element of the batch, and holds all of it.
        while functorch.is_functorch_wrapped_tensor(output):
            output = functorch.get_unwrapped(output)
        count[0] += output.numel()

    handle = task.model.register_forward_hook(add)
    try:
        yield count
    finally:
        handle.remove()


def seconds(work: Callable[[], None], device: torch.device, budget: float = 0.5, least: int = 21) -> Interval:
    """Return the median time of `work` over at least `least` runs, after a warm-up, with its interval."""
    for _ in range(3):
        work()
    times: list[float] = []
    deadline = time.perf_counter() + budget
    while len(times) < least or (time.perf_counter() < deadline and len(times) < 1000):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return median(np.array(times))


def peak_memory(work: Callable[[], None], device: torch.device) -> int:
    """Return the most bytes of tensors that `work` holds at once beside what was there before it."""
    if device.type == "cuda":
        synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        work()
        synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    # Autograd's own accumulations happen outside a dispatch mode's thread unless it runs single-threaded.
    with torch.autograd.set_multithreading_enabled(False), _LiveBytes() as live:
        work()
    return live.peak


@final
class _LiveBytes(TorchDispatchMode):
    """Follows the bytes of every storage that is created inside it, until the storage dies."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._seen: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {_identity(value) for value in tree_iter((args, kwargs)) if isinstance(value, Tensor)}
        result = func(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, Tensor) and _identity(value) not in before:
                self._add(value.untyped_storage())
        self.peak = max(self.peak, self._live)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return

        def forget(_reference: Any) -> None:
            del self._seen[key]
            self._live -= size

        self._seen[key] = weakref.ref(storage, forget)
        self._live += size


def _identity(value: Tensor) -> int:
    return value.untyped_storage()._cdata
